#include "version.h"

const char longline_version[] = LONGLINE_VERSION;
