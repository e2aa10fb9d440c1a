// The two things of OpenSSL's libcrypto that are used: HMAC-SHA-256 (UserSig) and SHA-256 (digests of listings).

#pragma once

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
