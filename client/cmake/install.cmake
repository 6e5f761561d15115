# Installing libcoffer and the command: cmake --install BUILD --component client --prefix DIR
include(CMakePackageConfigHelpers)

# One archive with all that the client is made of, so that whoever uses it links one library.
add_library(coffer_archive STATIC
  $<TARGET_OBJECTS:coffer_client> $<TARGET_OBJECTS:coffer_proto> $<TARGET_OBJECTS:coffer_proto_messages>
  $<TARGET_OBJECTS:coffer_base> $<TARGET_OBJECTS:coffer_secret_bytes>)
set_target_properties(coffer_archive PROPERTIES OUTPUT_NAME coffer LINKER_LANGUAGE CXX)

# The headers that the public ones include, and no others.
set(public_headers async_client caching_client client config errors operations version wipe)
list(TRANSFORM public_headers APPEND .hpp)
install(FILES ${public_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer/client COMPONENT client)
install(FILES ${CMAKE_SOURCE_DIR}/crypto/secret_bytes.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer/crypto COMPONENT client)
install(FILES ${COFFER_PROTO_HEADERS}
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer/v1 COMPONENT client)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/proto/coffer DESTINATION ${CMAKE_INSTALL_DATADIR}/coffer/proto COMPONENT client
  FILES_MATCHING PATTERN "*.proto")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/coffer)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/coffer-config.cmake.in coffer-config.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(coffer-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/coffer-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/coffer-config-version.cmake
  DESTINATION ${package_dir} COMPONENT client)

# pkg-config's file names the prefix, which is known when installing.
install(CODE "
  set(PROJECT_VERSION \"${PROJECT_VERSION}\")
  set(PC_LIBDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}\")
  set(PC_INCLUDEDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\")
  configure_file(\"${CMAKE_CURRENT_LIST_DIR}/coffer.pc.in\"
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/coffer.pc\" @ONLY)"
  COMPONENT client)

install(TARGETS coffer_archive ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client)
install(TARGETS coffer RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT client)
