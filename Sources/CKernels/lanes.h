// Vectors of sixteen numbers and what the kernels build from them. Internal to this module.
#ifndef CKERNELS_LANES_H
#define CKERNELS_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// One function, compiled for several instruction sets and chosen when the library loads.
#if defined(__x86_64__) && defined(__ELF__)
#define MULTIVERSION __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define MULTIVERSION
#endif

// A multiply followed by an add may become one instruction, the same in loop bodies and tails.
#pragma clang fp contract(fast)

typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef int32_t int_lanes __attribute__((vector_size(64), aligned(4)));
enum { LANES = 16 };

#define INLINE static inline __attribute__((always_inline))

INLINE void load(lanes *to, const float *from) { memcpy(to, from, sizeof(lanes)); }
INLINE void store(float *to, const lanes *from) { memcpy(to, from, sizeof(lanes)); }

// Pairwise, so the order is fixed.
#define SUM_LANES(v) \
    ((((v)[0] + (v)[8]) + ((v)[4] + (v)[12])) + (((v)[2] + (v)[10]) + ((v)[6] + (v)[14])) + \
     ((((v)[1] + (v)[9]) + ((v)[5] + (v)[13])) + (((v)[3] + (v)[11]) + ((v)[7] + (v)[15]))))

// Vectors go by address: by value they would have another calling convention on every instruction set.
// Bits of a where the mask is set, of b elsewhere.
#define SELECT(mask, a, b) ((lanes)(((int_lanes)(a) & (mask)) | ((int_lanes)(b) & ~(mask))))
#define ALL(value) ((lanes){0} + (value))

// exp by range reduction x = n ln 2 + r, |r| <= ln 2 / 2, and a degree-6 polynomial (Cephes' expf coefficients).
// Below -87.3 the result is 0, above 88.3 it is infinity; NaN stays NaN.
INLINE void exp_in_place(lanes *v) {
    const float least = -87.33654f, most = 88.3762626647949f, magic = 12582912.0f;
    lanes x = *v;
    lanes in = SELECT(x < least, ALL(least), SELECT(x > most, ALL(most), x));
    lanes n = in * 1.44269504088896341f + magic;
    n = n - magic;
    lanes r = in - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    // A NaN has no exponent: it travels on in p.
    int_lanes exponent = __builtin_convertvector(SELECT(n == n, n, ALL(0.0f)), int_lanes);
    lanes y = p * (lanes)((exponent + 127) << 23);
    *v = SELECT(x < least, ALL(0.0f), SELECT(x > most, ALL(INFINITY), y));
}

// What a layer norm needs of a row: the mean of its numbers, and 1 / sqrt(variance + epsilon).
INLINE void row_moments(const float *row, size_t width, float epsilon, float *mean, float *scale) {
    lanes sum = {0}, squares = {0};
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        lanes v;
        load(&v, row + i);
        sum += v;
    }
    float total = SUM_LANES(sum);
    for (size_t t = i; t < width; t++) total += row[t];
    float middle = total / (float)width;
    for (i = 0; i + LANES <= width; i += LANES) {
        lanes v;
        load(&v, row + i);
        v -= middle;
        squares += v * v;
    }
    float square = SUM_LANES(squares);
    for (size_t t = i; t < width; t++) square += (row[t] - middle) * (row[t] - middle);
    *mean = middle;
    *scale = 1.0f / sqrtf(square / (float)width + epsilon);
}

// Applies `expression` over x (as `v`) in blocks of lanes; the tail goes through the same block, padded.
#define FOR_LANES(x, count, v, ...)                                    \
    do {                                                                      \
        size_t i_ = 0;                                                        \
        for (; i_ + LANES <= (count); i_ += LANES) {                          \
            lanes v;                                                          \
            load(&v, (x) + i_);                                               \
            __VA_ARGS__;                                                      \
            store((x) + i_, &v);                                              \
        }                                                                     \
        if (i_ < (count)) {                                                   \
            float tail_[LANES] = {0};                                         \
            memcpy(tail_, (x) + i_, ((count) - i_) * sizeof(float));          \
            lanes v;                                                          \
            load(&v, tail_);                                                  \
            __VA_ARGS__;                                                      \
            store(tail_, &v);                                                 \
            memcpy((x) + i_, tail_, ((count) - i_) * sizeof(float));          \
        }                                                                     \
    } while (0)

#endif
