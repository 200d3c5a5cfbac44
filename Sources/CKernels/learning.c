#include "CKernels.h"
#include "lanes.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

// x with the numbers from `valid` on replaced.
#define LOAD_PART(v, from, valid, filler)                                    \
    do {                                                                     \
        float part_[LANES];                                                  \
        for (size_t t_ = 0; t_ < LANES; t_++) part_[t_] = (filler);          \
        memcpy(part_, (from), (valid) * sizeof(float));                      \
        load(&(v), part_);                                                   \
    } while (0)

MULTIVERSION
void ck_attention_softmax(float *scores, size_t rows, size_t stride, size_t visible, size_t step, float scale, float *lse) {
    for (size_t r = 0; r < rows; r++) {
        float *row = scores + r * stride;
        size_t count = visible + r * step;
        float most = -INFINITY;
        for (size_t j = 0; j < count; j++) most = row[j] > most ? row[j] : most;
        lanes total = {0};
        size_t j = 0;
        for (; j + LANES <= count; j += LANES) {
            lanes v;
            load(&v, row + j);
            v = (v - most) * scale;
            exp_in_place(&v);
            total += v;
            store(row + j, &v);
        }
        if (j < count) {
            lanes v;
            LOAD_PART(v, row + j, count - j, -INFINITY);
            v = (v - most) * scale;
            exp_in_place(&v);
            total += v;
            memcpy(row + j, &v, (count - j) * sizeof(float));
        }
        float sum = SUM_LANES(total);
        float inverse = 1.0f / sum;
        for (j = 0; j < count; j++) row[j] *= inverse;
        for (; j < stride; j++) row[j] = 0;
        lse[r] = most * scale + logf(sum);
    }
}

MULTIVERSION
void ck_attention_softmax_again(float *scores, size_t rows, size_t stride, size_t visible, size_t step, float scale,
                                const float *lse) {
    for (size_t r = 0; r < rows; r++) {
        float *row = scores + r * stride;
        size_t count = visible + r * step;
        float known = lse[r];
        FOR_LANES(row, count, v, { v = v * scale - known; exp_in_place(&v); });
        for (size_t j = count; j < stride; j++) row[j] = 0;
    }
}

MULTIVERSION
void ck_attention_softmax_backward(const float *p, float *dp, size_t rows, size_t stride, float scale) {
    for (size_t r = 0; r < rows; r++) {
        const float *weights = p + r * stride;
        float *gradient = dp + r * stride;
        lanes sum = {0};
        size_t j = 0;
        for (; j + LANES <= stride; j += LANES) {
            lanes a, b;
            load(&a, weights + j);
            load(&b, gradient + j);
            sum += a * b;
        }
        float total = SUM_LANES(sum);
        for (; j < stride; j++) total += weights[j] * gradient[j];
        for (j = 0; j < stride; j++) gradient[j] = scale * weights[j] * (gradient[j] - total);
    }
}

MULTIVERSION
void ck_layer_norm_backward(const float *x, const float *weight, const float *dy, float epsilon, float *dx, int add,
                            float *dweight, float *dbias, size_t rows, size_t width) {
    // Nothing of this lies in the same memory. Unless the compiler knows, it asks at run time, and short rows take loops with other
    // last bits where they happen to lie close together.
    const float *restrict factors = weight;
    float *restrict gain = dweight, *restrict offset = dbias;
    for (size_t r = 0; r < rows; r++) {
        const float *restrict in = x + r * width, *restrict g = dy + r * width;
        float *restrict out = dx + r * width;
        float mean, scale;
        row_moments(in, width, epsilon, &mean, &scale);
        // With n = (x - mean) * scale and d = dy * weight: dx = scale * (d - mean(d) - n * mean(d * n)).
        lanes plain = {0}, along = {0};
        size_t i = 0;
        for (; i + LANES <= width; i += LANES) {
            lanes v, d, w;
            load(&v, in + i);
            load(&d, g + i);
            load(&w, factors + i);
            d *= w;
            plain += d;
            along += d * ((v - mean) * scale);
        }
        float sum_plain = SUM_LANES(plain), sum_along = SUM_LANES(along);
        for (size_t t = i; t < width; t++) {
            sum_plain += g[t] * factors[t];
            sum_along += g[t] * factors[t] * (in[t] - mean) * scale;
        }
        float mean_plain = sum_plain / (float)width, mean_along = sum_along / (float)width;
        if (add)
            for (i = 0; i < width; i++)
                out[i] += scale * (g[i] * factors[i] - mean_plain - (in[i] - mean) * scale * mean_along);
        else
            for (i = 0; i < width; i++)
                out[i] = scale * (g[i] * factors[i] - mean_plain - (in[i] - mean) * scale * mean_along);
        if (gain)
            for (i = 0; i < width; i++) gain[i] += g[i] * ((in[i] - mean) * scale);
        if (offset)
            for (i = 0; i < width; i++) offset[i] += g[i];
    }
}

// Goes over two arrays in blocks of lanes; the tails go through the same block, padded with zeros.
#define FOR_LANES2(x, y, count, a, b, ...)                                        \
    do {                                                                          \
        for (size_t i_ = 0; i_ < (count); i_ += LANES) {                          \
            lanes a, b;                                                           \
            if (i_ + LANES <= (count)) {                                          \
                load(&a, (x) + i_);                                               \
                load(&b, (y) + i_);                                               \
                __VA_ARGS__;                                                      \
                store((x) + i_, &a);                                              \
                store((y) + i_, &b);                                              \
            } else {                                                              \
                LOAD_PART(a, (x) + i_, (count) - i_, 0);                          \
                LOAD_PART(b, (y) + i_, (count) - i_, 0);                          \
                __VA_ARGS__;                                                      \
                memcpy((x) + i_, &a, ((count) - i_) * sizeof(float));             \
                memcpy((y) + i_, &b, ((count) - i_) * sizeof(float));             \
            }                                                                     \
        }                                                                         \
    } while (0)

MULTIVERSION
void ck_silu_product(const float *gate, const float *up, float *y, size_t count) {
    size_t i = 0;
    for (; i < count; i += LANES) {
        size_t valid = count - i < LANES ? count - i : LANES;
        lanes g, u, e;
        if (valid == LANES) {
            load(&g, gate + i);
            load(&u, up + i);
        } else {
            LOAD_PART(g, gate + i, valid, 0);
            LOAD_PART(u, up + i, valid, 0);
        }
        e = -g;
        exp_in_place(&e);
        g = g / (1.0f + e) * u;
        memcpy(y + i, &g, valid * sizeof(float));
    }
}

MULTIVERSION
void ck_silu_product_backward(float *gate, float *up, float *dy, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t valid = count - i < LANES ? count - i : LANES;
        lanes g, u, d, s;
        if (valid == LANES) {
            load(&g, gate + i);
            load(&u, up + i);
            load(&d, dy + i);
        } else {
            LOAD_PART(g, gate + i, valid, 0);
            LOAD_PART(u, up + i, valid, 0);
            LOAD_PART(d, dy + i, valid, 0);
        }
        s = -g;
        exp_in_place(&s);
        s = 1.0f / (1.0f + s);
        lanes silu = g * s;
        lanes product = silu * u;
        lanes dgate = d * u * (s + silu * (1.0f - s));
        lanes dup = d * silu;
        memcpy(gate + i, &dgate, valid * sizeof(float));
        memcpy(up + i, &dup, valid * sizeof(float));
        memcpy(dy + i, &product, valid * sizeof(float));
    }
}

MULTIVERSION
void ck_quick_gelu_backward(float *x, float *dy, size_t count) {
    FOR_LANES2(x, dy, count, v, d, {
        lanes s = -1.702f * v;
        exp_in_place(&s);
        s = 1.0f / (1.0f + s);
        d *= s + 1.702f * v * s * (1.0f - s);
        v *= s;
    });
}

MULTIVERSION
void ck_tanh_gelu_backward(float *x, float *dy, size_t count) {
    // gelu = x s with s = sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
    FOR_LANES2(x, dy, count, v, d, {
        lanes s = -1.5957691216057308f * (v + 0.044715f * (v * v * v));
        exp_in_place(&s);
        s = 1.0f / (1.0f + s);
        d *= s + v * s * (1.0f - s) * (1.5957691216057308f * (1.0f + 0.134145f * (v * v)));
        v *= s;
    });
}

void ck_erf_gelu_backward(float *x, float *dy, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float v = x[i], phi = 0.5f * (1.0f + erff(v * 0.70710678118654752f));
        dy[i] *= phi + v * 0.3989422804014327f * expf(-0.5f * v * v);
        x[i] = v * phi;
    }
}

MULTIVERSION
void ck_relu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

MULTIVERSION
void ck_relu_backward(float *x, float *dy, size_t count) {
    for (size_t i = 0; i < count; i++) {
        dy[i] = x[i] > 0 ? dy[i] : 0;
        x[i] = x[i] > 0 ? x[i] : 0;
    }
}

MULTIVERSION
void ck_column_sums(const float *x, size_t rows, size_t stride, size_t width, float *sums) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) sums[i] += x[r * stride + i];
}

MULTIVERSION
void ck_row_dots(const float *a, const float *b, size_t rows, size_t width, float *dots) {
    for (size_t r = 0; r < rows; r++) {
        lanes sum = {0};
        size_t i = 0;
        for (; i + LANES <= width; i += LANES) {
            lanes x, y;
            load(&x, a + r * width + i);
            load(&y, b + r * width + i);
            sum += x * y;
        }
        float total = SUM_LANES(sum);
        for (; i < width; i++) total += a[r * width + i] * b[r * width + i];
        dots[r] = total;
    }
}

MULTIVERSION
double ck_cross_entropy(float *logits, size_t count, size_t target, float factor) {
    float most = -INFINITY, wanted = logits[target];
    for (size_t i = 0; i < count; i++) most = logits[i] > most ? logits[i] : most;
    double total = 0;
    size_t i = 0;
    for (; i < count; i += LANES) {
        size_t valid = count - i < LANES ? count - i : LANES;
        lanes v;
        LOAD_PART(v, logits + i, valid, -INFINITY);
        v -= most;
        exp_in_place(&v);
        memcpy(logits + i, &v, valid * sizeof(float));
        total += (double)(SUM_LANES(v));
    }
    float scale = (float)(factor / total);
    for (i = 0; i < count; i++) logits[i] *= scale;
    logits[target] -= factor;
    return log(total) + (double)most - (double)wanted;
}

double ck_sum_of_squares(const float *x, size_t count) {
    // Eight running sums, so that additions need not wait for each other; their order is fixed.
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int t = 0; t < 8; t++) sums[t] += (double)x[i + t] * (double)x[i + t];
    for (; i < count; i++) sums[0] += (double)x[i] * (double)x[i];
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

MULTIVERSION
void ck_adamw(float *w, const float *g, float *m, float *v, size_t count, float scale, float rate, float beta1, float beta2,
              float epsilon, float decay, float first, float second) {
    float keep = 1.0f - rate * decay, step = rate / first, root = 1.0f / sqrtf(second);
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] * scale;
        m[i] = beta1 * m[i] + (1.0f - beta1) * gradient;
        v[i] = beta2 * v[i] + (1.0f - beta2) * gradient * gradient;
        w[i] = w[i] * keep - step * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

MULTIVERSION
void ck_f32_to_bf16(const float *from, uint16_t *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, from + i, sizeof bits);
        uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        // A NaN must stay one: rounding could carry it over to infinity.
        uint32_t isNaN = (bits & 0x7fffffffu) > 0x7f800000u;
        to[i] = (uint16_t)(isNaN ? (bits >> 16) | 0x40u : rounded);
    }
}

void ck_keep_freed_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, INT32_MAX);
#endif
}
