#pragma once
// Programs that are started without standard input, output or error.

namespace coffer {

/// Call first in main(). Where one of the three is closed (`PROGRAM >&-`), its number would go to the first
/// file or connection that is opened, and that would get what is written for people: so it is taken, by
/// something that can be neither read nor written in that direction, and that programs that are started do
/// not inherit.
void reserve_standard_streams() noexcept;

}  // namespace coffer
