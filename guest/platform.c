/* The platform that this kernel was started on. */
#include "platform.h"

const struct platform *platform;
