// Row-wise float32 loops that no library on hand has.
//
// Every function computes each row by itself, in an order that depends only on the row's own length and position:
// never on how many other rows the call has. That is what lets rows of different requests share a batch.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "CKernelsLearning.h"

// Positions per step of the attention loops; capacities of key buffers are multiples of it.
enum { CK_KEY_BLOCK = 16 };

// Name of the instruction set that the loops below were dispatched to on this machine.
const char *ck_instruction_set(void);

// Widening to float32. Exact.
void ck_bf16_to_f32(const uint16_t *from, float *to, size_t count);
void ck_f16_to_f32(const uint16_t *from, float *to, size_t count);

// y[r] = (x[r] - mean) / sqrt(variance + epsilon) * weight + bias for each row of `width`.
void ck_layer_norm(const float *x, const float *weight, const float *bias, float epsilon, float *y, size_t rows, size_t width);

// x[r] += bias for each row.
void ck_add_bias(float *x, const float *bias, size_t rows, size_t width);
// x += y, elementwise.
void ck_add(float *x, const float *y, size_t count);
// x[r] = x[r] * factor[r] for each row.
void ck_scale_rows(float *x, const float *factor, size_t rows, size_t width);
// x[r] += y[r] * factor[r] for each row.
void ck_add_scaled_rows(float *x, const float *y, const float *factor, size_t rows, size_t width);

// gate = silu(gate) * up, elementwise; silu(x) = x / (1 + exp(-x)).
void ck_silu_multiply(float *gate, const float *up, size_t count);
// x = x / (1 + exp(-1.702 x)), CLIP's quick GELU.
void ck_quick_gelu(float *x, size_t count);
// x = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, "gelu_new".
void ck_tanh_gelu(float *x, size_t count);
// x = x (1 + erf(x / sqrt 2)) / 2.
void ck_erf_gelu(float *x, size_t count);

// Turns the first `rotary` numbers of each head: pairs (i, i + rotary/2) by the angles of `cosine`/`sine`,
// both [rotary/2] for this row's position.
void ck_rotate_half(float *row, size_t heads, size_t head_width, size_t rotary, const float *cosine, const float *sine);

// Attention of one query head over `keys` positions.
//   query  [head_width]
//   k      keys transposed: k[d * capacity + j] is number d of position j; capacity is a multiple of CK_KEY_BLOCK
//   v      values: v[j * head_width + d]
//   scores scratch of at least `keys` rounded up to CK_KEY_BLOCK
//   out    [head_width]
void ck_attend(const float *query, const float *k, const float *v, size_t keys, size_t capacity, size_t head_width,
               float scale, float *scores, float *out);

// c[m][n] = sum_k a[m][k] w[n][k] for `rows` rows; the sum's order depends on `inner` alone.
void ck_matmul(const float *a, const float *w, float *c, size_t rows, size_t columns_from, size_t columns_to,
               size_t columns, size_t inner);

// log(sum(exp(x))) in double precision.
double ck_log_sum_exp(const float *x, size_t count);

// Whether every number is finite.
int ck_all_finite(const float *x, size_t count);

#endif
