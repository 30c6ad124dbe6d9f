#include "native_kernel.h"
int test_main(int argc, const char *const *argv) { (void)argc; (void)argv; return 0; }
