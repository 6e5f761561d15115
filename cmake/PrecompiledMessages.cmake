# Half the time of a build went into reading the generated messages' headers, over a hundred thousand lines, once for
# every file that includes them. So they are precompiled: once for libraries (-fPIC), once for programs
# (-fPIE), once for tests (with GoogleTest). A target gets them when it depends on coffer_proto_messages,
# whose headers it may name anyway: the dependency rule stays a compile error. Tests of the other layers get
# GoogleTest alone.
option(COFFER_PRECOMPILE "Precompile the headers of the generated messages" ON)

set(coffer_precompiled_standard
  <algorithm> <array> <atomic> <chrono> <cstdint> <deque> <exception> <filesystem> <functional> <map> <memory> <mutex>
  <optional> <set> <span> <stdexcept> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>)
set(coffer_precompiled_messages
  <coffer/v1/frame.pb.h> <coffer/v1/iam.pb.h> <coffer/v1/audit.pb.h> <coffer/v1/usage.pb.h> <coffer/v1/sts.pb.h>)

# Whether TARGET depends on coffer_proto_messages, directly or through others; sets RESULT.
function(coffer_sees_messages TARGET RESULT)
  set(waiting ${TARGET})
  set(seen "")
  while(waiting)
    list(POP_FRONT waiting next)
    if(next STREQUAL "coffer_proto_messages")
      set(${RESULT} TRUE PARENT_SCOPE)
      return()
    endif()
    if(next IN_LIST seen OR NOT next MATCHES "^[A-Za-z0-9_-]+$" OR NOT TARGET ${next})
      continue()
    endif()
    list(APPEND seen ${next})
    get_target_property(type ${next} TYPE)
    foreach(property LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)
      if(property STREQUAL "LINK_LIBRARIES" AND type STREQUAL "INTERFACE_LIBRARY")
        continue()
      endif()
      get_target_property(more ${next} ${property})
      if(more)
        list(APPEND waiting ${more})
      endif()
    endforeach()
  endwhile()
  set(${RESULT} FALSE PARENT_SCOPE)
endfunction()

# coffer_precompile(TARGET KIND): KIND is library, program or test. To be called when TARGET's dependencies are known.
function(coffer_precompile TARGET KIND)
  # Only g++ is known to take one header for targets whose definitions differ; clang builds the fuzzers alone.
  if(NOT COFFER_PRECOMPILE OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  coffer_sees_messages(${TARGET} sees)
  if(sees)
    set(pch coffer_precompiled_for_${KIND})
  elseif(KIND STREQUAL "test")
    set(pch coffer_precompiled_for_plain_test)
  else()
    return()
  endif()
  if(NOT TARGET ${pch})
    set(source ${CMAKE_BINARY_DIR}/${pch}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "int main() {}\n")
    if(KIND STREQUAL "library")
      add_library(${pch} OBJECT ${source})
    else()
      add_executable(${pch} ${source})  # -fPIE comes with executables only
    endif()
    target_link_libraries(${pch} PRIVATE coffer_options)
    target_precompile_headers(${pch} PRIVATE ${coffer_precompiled_standard})
    if(sees)
      target_link_libraries(${pch} PRIVATE coffer_proto_messages)
      target_precompile_headers(${pch} PRIVATE ${coffer_precompiled_messages})
    endif()
    if(KIND STREQUAL "test")
      target_link_libraries(${pch} PRIVATE GTest::gtest GTest::gmock)
      target_compile_options(${pch} PRIVATE ${coffer_test_options})
      target_precompile_headers(${pch} PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
    endif()
  endif()
  target_precompile_headers(${TARGET} REUSE_FROM ${pch})
endfunction()
