// libcurl for Swift: its option calls are variadic, which Swift cannot call, so each kind of argument has an
// inline wrapper here. Nothing else belongs in this file.

#pragma once

#define CURL_STRICTER
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

static inline CURLcode gm_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode gm_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode gm_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

typedef size_t (*gm_curl_write)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode gm_curl_set_write(CURL *handle, CURLoption option, gm_curl_write function) {
    return curl_easy_setopt(handle, option, function);
}

static inline CURLcode gm_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode gm_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

static inline CURL *gm_curl_message_handle(const CURLMsg *message) { return message->easy_handle; }

static inline CURLcode gm_curl_message_result(const CURLMsg *message) { return message->data.result; }
