/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/host_fd.h"

#ifdef HAVE_NETTLE
#include <nettle/aes.h>
#include <nettle/cbc.h>
#endif

#define SECRET_MAX_BYTES (16u << 20)            /* a file of more is a mistake */
#define AES_BLOCK_BYTES 16
#define AES_KEY_BYTES 32

typedef enum SecretFormat { SECRET_RAW, SECRET_BASE64 } SecretFormat;
typedef struct Secret { Object object; char *data, *file, *keyid, *iv; int format; GBytes *bytes; } Secret;

static const Type secret_type;

GBytes *secret_lookup(const char *id, GError **err)
{
    g_autofree char *path = g_strconcat("/objects/", id, NULL);
    Object *obj = object_resolve(path, NULL);

    if (!obj) {
        error_set(err, "No secret with id '%s'", id);
    } else if (!object_is_a(obj, &secret_type)) {
        error_set(err, "Object with id '%s' is not a secret", id);
    } else {
        return g_bytes_ref(((Secret *)obj)->bytes);
    }
    return NULL;
}

static GBytes *read_file(const char *path, GError **err)
{
    g_autoptr(GByteArray) content = g_byte_array_new();
    uint8_t buf[4096];
    ssize_t n;
    int fd = host_open(path, O_RDONLY, 0);

    if (fd < 0) {
        error_set_errno(err, errno, "Unable to read %s", path);
        return NULL;
    }
    while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0) {
            g_byte_array_append(content, buf, n);
        }
        if (content->len > SECRET_MAX_BYTES) {
            n = -1;
            errno = EFBIG;
            break;
        }
    }
    int failed = n < 0 ? errno : 0;
    close(fd);
    if (failed) {
        error_set_errno(err, failed, "Unable to read %s", path);
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&content));
}

/* Strict, but for line ends: GLib passes over whatever is no base64. */
static GBytes *from_base64(const char *what, const char *text, size_t len, GError **err)
{
    static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n";
    g_autofree char *copy = g_strndup(text, len);
    gsize size;

    if (strlen(copy) != len || strspn(copy, valid) != len) {
        error_set(err, "%s is no valid base64", what);
        return NULL;
    }
    uint8_t *bytes = g_base64_decode(copy, &size);
    return g_bytes_new_take(bytes, size);
}

static GBytes *base64_option(const char *what, GBytes *text, GError **err)
{
    gsize len;
    const char *p = g_bytes_get_data(text, &len);

    return from_base64(what, p, len, err);
}

#ifdef HAVE_NETTLE
/* The plain text, whose last byte says how many bytes of padding there are (PKCS #7). */
static GBytes *decrypt_blocks(GBytes *key, GBytes *iv, GBytes *cipher, GError **err)
{
    gsize len;
    const uint8_t *in = g_bytes_get_data(cipher, &len);
    struct CBC_CTX(struct aes256_ctx, AES_BLOCK_BYTES) ctx;

    if (!len || len % AES_BLOCK_BYTES) {
        error_set(err, "secret is not a whole number of cipher blocks");
        return NULL;
    }
    uint8_t *out = g_malloc(len);
    aes256_set_decrypt_key(&ctx.ctx, g_bytes_get_data(key, NULL));
    CBC_SET_IV(&ctx, (const uint8_t *)g_bytes_get_data(iv, NULL));
    CBC_DECRYPT(&ctx, aes256_decrypt, len, out, in);
    memset(&ctx, 0, sizeof(ctx));
    uint8_t padding = out[len - 1];
    if (padding == 0 || padding > AES_BLOCK_BYTES) {
        g_free(out);
        error_set(err, "Incorrect number of padding bytes (%d) found on decrypted data", padding);
        return NULL;
    }
    return g_bytes_new_take(out, len - padding);
}
#else
static GBytes *decrypt_blocks(GBytes *key, GBytes *iv, GBytes *cipher, GError **err)
{
    error_set(err, "keyid= is not available: this program was built without nettle");
    return NULL;
}
#endif

static GBytes *decrypt(const Secret *s, GBytes *cipher, GError **err)
{
    g_autoptr(GBytes) key = NULL, iv = NULL;

    if (!s->iv) {
        error_set(err, "IV is required to decrypt secret");
        return NULL;
    }
    key = secret_lookup(s->keyid, err);
    iv = key ? from_base64("iv", s->iv, strlen(s->iv), err) : NULL;
    if (!iv) {
        return NULL;
    }
    if (g_bytes_get_size(key) != AES_KEY_BYTES) {
        error_set(err, "Key '%s' must be %d bytes, but it has %zu", s->keyid, AES_KEY_BYTES, g_bytes_get_size(key));
        return NULL;
    }
    if (g_bytes_get_size(iv) != AES_BLOCK_BYTES) {
        error_set(err, "IV should be %d bytes, but it has %zu", AES_BLOCK_BYTES, g_bytes_get_size(iv));
        return NULL;
    }
    return decrypt_blocks(key, iv, cipher, err);
}

static bool secret_complete(Object *obj, GError **err)
{
    Secret *s = (Secret *)obj;
    GBytes *bytes;

    if (s->file && s->data) {
        return error_set(err, "'file' and 'data' are mutually exclusive");
    }
    if (!s->file && !s->data) {
        return error_set(err, "Either 'file' or 'data' must be provided");
    }
    bytes = s->file ? read_file(s->file, err) : g_bytes_new(s->data, strlen(s->data));
    /* An encrypted secret is bytes that are no text: it comes in base64, and is so decoded before it is decrypted. */
    if (bytes && s->format == SECRET_BASE64) {
        GBytes *decoded = base64_option("secret", bytes, err);
        g_bytes_unref(bytes);
        bytes = decoded;
    }
    if (bytes && s->keyid) {
        GBytes *plain = decrypt(s, bytes, err);
        g_bytes_unref(bytes);
        bytes = plain;
    }
    s->bytes = bytes;
    return bytes != NULL;
}

static void secret_finalize(Object *obj)
{
    Secret *s = (Secret *)obj;

    if (s->bytes) {
        g_bytes_unref(s->bytes);
    }
}

static const char *const format_names[] = { "raw", "base64", NULL };

static const Property secret_properties[] = {
    PROP_STR("data", Secret, data, "the secret itself; other users of the host can see a command line"),
    PROP_STR("file", Secret, file, "file that holds it"),
    PROP_ENUM("format", Secret, format, SECRET_RAW, format_names, "QCryptoSecretFormat", "how it is written down"),
    PROP_STR("iv", Secret, iv, "initialisation vector in base64, if it is encrypted"),
    PROP_STR("keyid", Secret, keyid, "the secret that it is encrypted by"),
    { }
};

static const Type secret_type = {
    .name = "secret", .parent = &object_type, .size = sizeof(Secret), .user_creatable = true,
    .description = "a password or key", .properties = secret_properties, .complete = secret_complete,
    .finalize = secret_finalize,
};
TYPE_REGISTER(secret_type);
