// zlib for Swift: a UserSig is a zlib stream (Cloud.md section 5).

#pragma once

#include <zlib.h>
