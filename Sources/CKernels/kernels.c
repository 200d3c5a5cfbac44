#include "CKernels.h"
#include "lanes.h"

const char *ck_instruction_set(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
    return "sse2";
#else
    return "generic";
#endif
}

MULTIVERSION
void ck_bf16_to_f32(const uint16_t *from, float *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(to + i, &bits, sizeof bits);
    }
}

void ck_f16_to_f32(const uint16_t *from, float *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t sign = (uint32_t)(from[i] & 0x8000) << 16, exponent = (from[i] >> 10) & 31, mantissa = from[i] & 1023;
        uint32_t bits;
        if (exponent == 31) {
            bits = sign | 0x7f800000u | (mantissa << 13);
        } else if (exponent != 0) {
            bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
        } else {
            // Zero and subnormal numbers: mantissa * 2^-24 is exact in float32.
            float value = (float)mantissa * 5.9604644775390625e-8f;
            memcpy(&bits, &value, sizeof bits);
            bits |= sign;
        }
        memcpy(to + i, &bits, sizeof bits);
    }
}

MULTIVERSION
void ck_layer_norm(const float *x, const float *weight, const float *bias, float epsilon, float *y, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        const float *in = x + r * width;
        float *out = y + r * width;
        float mean, scale;
        row_moments(in, width, epsilon, &mean, &scale);
        for (size_t i = 0; i < width; i++) out[i] = (in[i] - mean) * scale * weight[i] + bias[i];
    }
}

MULTIVERSION
void ck_add_bias(float *x, const float *bias, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) x[r * width + i] += bias[i];
}

MULTIVERSION
void ck_add(float *x, const float *y, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] += y[i];
}

MULTIVERSION
void ck_scale_rows(float *x, const float *factor, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) x[r * width + i] *= factor[r];
}

MULTIVERSION
void ck_add_scaled_rows(float *x, const float *y, const float *factor, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) x[r * width + i] += y[r * width + i] * factor[r];
}

MULTIVERSION
void ck_silu_multiply(float *gate, const float *up, size_t count) {
    FOR_LANES(gate, count, v, { lanes e = -v; exp_in_place(&e); v = v / (1.0f + e); });
    for (size_t i = 0; i < count; i++) gate[i] *= up[i];
}

MULTIVERSION
void ck_quick_gelu(float *x, size_t count) {
    FOR_LANES(x, count, v, { lanes e = -1.702f * v; exp_in_place(&e); v = v / (1.0f + e); });
}

MULTIVERSION
void ck_tanh_gelu(float *x, size_t count) {
    // (1 + tanh u) / 2 = 1 / (1 + exp(-2u)).
    FOR_LANES(x, count, v, {
        lanes e = -1.5957691216057308f * (v + 0.044715f * (v * v * v));
        exp_in_place(&e);
        v = v / (1.0f + e);
    });
}

void ck_erf_gelu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678118654752f));
}

MULTIVERSION
void ck_rotate_half(float *row, size_t heads, size_t head_width, size_t rotary, const float *cosine, const float *sine) {
    size_t half = rotary / 2;
    for (size_t h = 0; h < heads; h++) {
        float *a = row + h * head_width, *b = a + half;
        for (size_t i = 0; i < half; i++) {
            float first = a[i], second = b[i];
            a[i] = first * cosine[i] - second * sine[i];
            b[i] = second * cosine[i] + first * sine[i];
        }
    }
}

MULTIVERSION
void ck_attend(const float *query, const float *k, const float *v, size_t keys, size_t capacity, size_t head_width,
               float scale, float *scores, float *out) {
    // Scores: for each block of positions, one running sum per position over the head's numbers in order.
    float most = -INFINITY;
    for (size_t j = 0; j < keys; j += LANES) {
        lanes sum = {0};
        const float *block = k + j;
        for (size_t d = 0; d < head_width; d++) {
            lanes column;
            load(&column, block + d * capacity);
            sum += column * query[d];
        }
        sum *= scale;
        store(scores + j, &sum);
        size_t valid = keys - j < LANES ? keys - j : LANES;
        for (size_t t = 0; t < valid; t++) most = scores[j + t] > most ? scores[j + t] : most;
    }
    lanes total = {0};
    for (size_t j = 0; j < keys; j += LANES) {
        // Positions beyond the last key weigh nothing.
        for (size_t t = keys - j; t < LANES; t++) scores[j + t] = -INFINITY;
        lanes p;
        load(&p, scores + j);
        p -= most;
        exp_in_place(&p);
        store(scores + j, &p);
        total += p;
    }
    float inverse = 1.0f / SUM_LANES(total);
    size_t d = 0;
    for (; d + LANES <= head_width; d += LANES) {
        lanes sum = {0};
        for (size_t j = 0; j < keys; j++) {
            lanes value;
            load(&value, v + j * head_width + d);
            sum += value * scores[j];
        }
        sum *= inverse;
        store(out + d, &sum);
    }
    for (; d < head_width; d++) {
        float sum = 0;
        for (size_t j = 0; j < keys; j++) sum += v[j * head_width + d] * scores[j];
        out[d] = sum * inverse;
    }
}

// Four rows by four columns of dot products, sixteen partial sums each.
#define DOT_BLOCK(R, C)                                                                       \
    do {                                                                                      \
        lanes sum[R][C];                                                                      \
        memset(sum, 0, sizeof sum);                                                           \
        size_t i = 0;                                                                         \
        for (; i + LANES <= inner; i += LANES) {                                              \
            lanes w_[C];                                                                      \
            for (int c_ = 0; c_ < C; c_++) load(&w_[c_], w + (n + c_) * inner + i);           \
            for (int r_ = 0; r_ < R; r_++) {                                                  \
                lanes a_;                                                                     \
                load(&a_, a + (m + r_) * inner + i);                                          \
                for (int c_ = 0; c_ < C; c_++) sum[r_][c_] += a_ * w_[c_];                    \
            }                                                                                 \
        }                                                                                     \
        for (int r_ = 0; r_ < R; r_++)                                                        \
            for (int c_ = 0; c_ < C; c_++) {                                                  \
                float total = SUM_LANES(sum[r_][c_]);                                         \
                for (size_t t = i; t < inner; t++)                                            \
                    total += a[(m + r_) * inner + t] * w[(n + c_) * inner + t];               \
                c[(m + r_) * columns + n + c_] = total;                                       \
            }                                                                                 \
    } while (0)

MULTIVERSION
void ck_matmul(const float *a, const float *w, float *c, size_t rows, size_t columns_from, size_t columns_to,
               size_t columns, size_t inner) {
    size_t n = columns_from;
    for (; n + 4 <= columns_to; n += 4) {
        size_t m = 0;
        for (; m + 4 <= rows; m += 4) DOT_BLOCK(4, 4);
        for (; m < rows; m++) DOT_BLOCK(1, 4);
    }
    for (; n < columns_to; n++)
        for (size_t m = 0; m < rows; m++) DOT_BLOCK(1, 1);
}

double ck_log_sum_exp(const float *x, size_t count) {
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++) most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < count; i++) sum += exp((double)x[i] - most);
    return most + log(sum);
}

MULTIVERSION
int ck_all_finite(const float *x, size_t count) {
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return bad == 0;
}
