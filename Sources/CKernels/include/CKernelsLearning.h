// Row-wise float32 loops of the backward passes and of the optimiser.
//
// As in CKernels.h each row is computed by itself; sums over rows run in the order of the rows.
#ifndef CKERNELS_LEARNING_H
#define CKERNELS_LEARNING_H

#include <stddef.h>
#include <stdint.h>

// Softmax of attention scores, in place. Row r may see its first `visible + r * step` numbers (step 1: causal, 0: all alike);
// the rest of its `stride` numbers becomes 0. lse[r] = log(sum(exp(scale * score))).
void ck_attention_softmax(float *scores, size_t rows, size_t stride, size_t visible, size_t step, float scale, float *lse);
// The same probabilities from raw scores and the lse of the first time.
void ck_attention_softmax_again(float *scores, size_t rows, size_t stride, size_t visible, size_t step, float scale,
                                const float *lse);
// dp = scale * p * (dp - sum(p * dp)), row by row: the gradient of raw scores from that of probabilities.
void ck_attention_softmax_backward(const float *p, float *dp, size_t rows, size_t stride, float scale);

// Layer norm's gradients. dx = (or +=, with `add`) the gradient of x; dweight and dbias, where not null, are added to.
void ck_layer_norm_backward(const float *x, const float *weight, const float *dy, float epsilon, float *dx, int add,
                            float *dweight, float *dbias, size_t rows, size_t width);

// y = silu(gate) * up, elementwise.
void ck_silu_product(const float *gate, const float *up, float *y, size_t count);
// From gate, up and dy: gate becomes its gradient, up its gradient, dy the product silu(gate) * up that the forward made.
void ck_silu_product_backward(float *gate, float *up, float *dy, size_t count);

// dy *= the derivative at x, and x = the activation of x: what the layer behind it had as its input.
void ck_quick_gelu_backward(float *x, float *dy, size_t count);
void ck_tanh_gelu_backward(float *x, float *dy, size_t count);
void ck_erf_gelu_backward(float *x, float *dy, size_t count);
void ck_relu_backward(float *x, float *dy, size_t count);
// x = max(x, 0).
void ck_relu(float *x, size_t count);

// sums[i] += sum over rows of x[r * stride + i], for i < width.
void ck_column_sums(const float *x, size_t rows, size_t stride, size_t width, float *sums);
// dots[r] = sum of a[r] * b[r] over the width.
void ck_row_dots(const float *a, const float *b, size_t rows, size_t width, float *dots);

// Cross-entropy of one row: returns -log softmax(logits)[target]; logits become factor * (softmax - onehot(target)).
double ck_cross_entropy(float *logits, size_t count, size_t target, float factor);

// Sum of squares in double precision, in order.
double ck_sum_of_squares(const float *x, size_t count);

// One step of AdamW with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101); g is multiplied by `scale` first.
// `first` and `second` are 1 - beta^t, the corrections of the two moments.
void ck_adamw(float *w, const float *g, float *m, float *v, size_t count, float scale, float rate, float beta1, float beta2,
              float epsilon, float decay, float first, float second);

// Lets the allocator keep freed blocks of up to 1 GiB instead of giving them back to the system.
void ck_keep_freed_memory(void);

// float32 to bfloat16, to the nearest, ties to even.
void ck_f32_to_bf16(const float *from, uint16_t *to, size_t count);

#endif
