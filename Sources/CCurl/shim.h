// libcurl for Swift: its option calls are variadic, which Swift cannot call, so each kind of argument has an
// inline wrapper here. Nothing else belongs in this file.

#pragma once

#define CURL_STRICTER
#define CURL_DISABLE_TYPECHECK
#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

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

// Opens sockets to this machine only: what is spelt like a loopback address may be another one to libcurl.
static inline curl_socket_t gm_curl_open_loopback(
    void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context;
    (void)purpose;
    int is_loopback = 0;
    if (address->family == AF_INET) {
        const struct sockaddr_in *peer = (const struct sockaddr_in *)&address->addr;
        is_loopback = (ntohl(peer->sin_addr.s_addr) >> 24) == 127;
    } else if (address->family == AF_INET6) {
        const struct sockaddr_in6 *peer = (const struct sockaddr_in6 *)&address->addr;
        is_loopback = IN6_IS_ADDR_LOOPBACK(&peer->sin6_addr);
    }
    if (!is_loopback) return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static inline CURLcode gm_curl_refuse_other_machines(CURL *handle) {
    return curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, gm_curl_open_loopback);
}
