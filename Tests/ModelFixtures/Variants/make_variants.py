#!/usr/bin/env python3
"""Makes tiny random Med-MoE and MoE-LLaVA checkpoints and what a plain PyTorch reference computes on them.

The models of ../Models come with values of the public code; the cases here cover configurations that those do not:
other projectors, towers, rotary widths, grouped-query attention, residual modules, models without a meta expert and so
on.  The reference below is written from the formulas, in float32 and without a key-value cache, on purpose as plainly as
possible.  For each case it writes

    NAME/checkpoint/{config.json,model.safetensors}   (the tokenizer is ../Models/tiny-stablelm/checkpoint/tokenizer.json)
    NAME/clip/{config.json,preprocessor_config.json[,model.safetensors]}
    NAME/image.png
    NAME/golden.safetensors     names as in ../Models, without a prefix, and two differences for size:
                                `inputs_embeds` is left out, as it is `hidden.0`; `logits` are those of the last two positions
    cases.json                  prompt, seed, greedy tokens and margins of every case

Needs torch, safetensors, tokenizers, Pillow and numpy:  python3 make_variants.py
"""
import json
import math
import pathlib
import shutil

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
TOKENIZER = Tokenizer.from_file(str(HERE / "../Models/tiny-stablelm/checkpoint/tokenizer.json"))
VOCABULARY = 400
PROMPT = "USER: <image>\nCT? ASSISTANT:"
IMAGE_TOKEN = -200
GREEDY_TOKENS = 8
KEPT_LOGITS = 2
# A float32 implementation may differ from this one by about 1e-6 of the largest logit (about 10): no choice may be so close.
SMALLEST_GREEDY_MARGIN = 0.01
SMALLEST_GATE_GAP = 0.002
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


# Every case: what differs from `DEFAULT`.
DEFAULT = dict(
    backbone="stablelm", hidden=16, inter=12, layers=3, heads=2, kv=2, rope=0.25, theta=10000.0, eps=1e-5, qkv_bias=True, tied=False,
    experts=[4], top_k=1, mode="sparse", moe_layers=None, flavour="med-moe", residual=None,
    projector="mlp2x_gelu", feature="patch", select=-2, aspect="pad",
    side=8, tower_hidden=16, tower_layers=2, tower_heads=2, tower_inter=20, tower_act="quick_gelu", tower_inside=False,
    dtype="bf16", image=(19, 30))
CASES = {
    # Two of three experts, one key-value head, class token kept.
    "phi-top2": dict(backbone="phi", layers=2, heads=2, kv=1, rope=0.25, experts=[3], top_k=2, mode="dense",
                     feature="cls_patch", dtype="f16"),
    # Two key-value heads for four heads; head with a bias but the embedding's weight.
    "phi-grouped-tied": dict(backbone="phi", inter=18, heads=4, kv=2, rope=1.0, eps=1e-6, tied=True, experts=[2], top_k=1,
                             mode="second_half", projector="linear", aspect="square", dtype="f16", image=(26, 11)),
    "phi-residual-mlp": dict(backbone="phi", heads=1, kv=1, rope=0.4, theta=500.0, top_k=2, residual="mlp", experts=[4], layers=2, moe_layers=[1],
                             tower_act="gelu", select=-1),
    "phi-llava-residual": dict(backbone="phi", flavour="moe-llava", residual="mlp", experts=[3, 2], top_k=1, moe_layers=[0, 1], layers=2,
                               heads=4, kv=2, rope=0.5, tower_inside=True, aspect="square"),
    "phi-llava": dict(backbone="phi", flavour="moe-llava", experts=[4], top_k=2, mode="first_half", inter=13, rope=1.0,
                      projector="mlp3x_gelu", select=1, tower_layers=3, feature="cls_patch"),
    "phi-dense": dict(backbone="phi", hidden=16, layers=2, experts=None, rope=0.5, select=-1, tower_act="gelu", aspect="square",
                      projector="mlp1x_gelu", dtype="bf16"),
    "stablelm-residual-both": dict(layers=2, heads=4, kv=2, rope=0.5, residual="both", experts=[2],
                                           mode="first_half", projector="linear", side=12, aspect="square"),
    "stablelm-residual-meta": dict(inter=9, residual="meta", experts=[3], top_k=2, mode="second_half", rope=1.0, theta=1000.0, feature="cls_patch",
                                   select=2, tower_layers=3, tower_inside=True, dtype="f16"),
    "stablelm-residual-mlp": dict(residual="mlp", experts=[4], top_k=1, moe_layers=[1], layers=2, qkv_bias=False, heads=1, kv=1, rope=0.4,
                                  projector="mlp3x_gelu", dtype="f16"),
    "stablelm-llava": dict(flavour="moe-llava", experts=[3, 2], top_k=2, mode="sparse", heads=4, kv=2, rope=1.0, inter=15,
                           aspect="square", image=(8, 8), dtype="bf16"),
    "stablelm-llava-residual": dict(flavour="moe-llava", residual="mlp", layers=2, experts=[4], top_k=2, mode="second_half", select=0,
                                    tower_act="gelu", projector="linear", dtype="f16"),
    "stablelm-eight-tied": dict(hidden=20, inter=9, layers=2, heads=2, kv=1, rope=0.4, qkv_bias=False, tied=True, experts=[8, 3], top_k=1,
                                mode="dense", side=12, tower_inside=True, feature="cls_patch", image=(21, 21)),
    "stablelm-dense-tied": dict(layers=2, experts=None, tied=True, qkv_bias=False, rope=1.0, heads=4, kv=1, eps=1e-6, dtype="f32"),
}
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


# Weights -----------------------------------------------------------------------------------------------------------

class Maker:
    """Random tensors, rounded to the type they are stored in; computing happens with the rounded values."""

    def __init__(self, seed, dtype):
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype = dtype
        self.tensors = {}

    def add(self, name, shape, scale, around=0.0):
        self.tensors[name] = (torch.randn(shape, generator=self.generator) * scale + around).to(self.dtype)

    def linear(self, name, inner, outer, bias=True, gain=1.0):
        self.add(name + ".weight", (outer, inner), gain / math.sqrt(inner))
        if bias:
            self.add(name + ".bias", (outer,), 0.2)

    def norm(self, name, width):
        self.add(name + ".weight", (width,), 0.2, around=1.0)
        self.add(name + ".bias", (width,), 0.2)


def mixture_layers(c):
    """Decoder layers with a mixture, and the number of experts of each."""
    if c["experts"] is None:
        return {}
    n = c["layers"]
    numbers = c["moe_layers"] or {
        "sparse": list(range(0, n, 2)), "dense": list(range(n)), "first_half": list(range(n // 2)), "second_half": list(range(n // 2, n))
    }[c["mode"]]
    counts = c["experts"] * len(numbers) if len(c["experts"]) == 1 else c["experts"]
    assert len(counts) == len(numbers)
    return dict(zip(numbers, counts))


def make_language(c, seed):
    m = Maker(seed, DTYPES[c["dtype"]])
    d, inter = c["hidden"], c["inter"]
    phi = c["backbone"] == "phi"
    kv_width = d // c["heads"] * c["kv"]

    def ffn(prefix):
        if phi:
            m.linear(prefix + ".fc1", d, inter, gain=1.5)
            m.linear(prefix + ".fc2", inter, d, gain=1.5)
        else:
            m.linear(prefix + ".gate_proj", d, inter, bias=False, gain=1.5)
            m.linear(prefix + ".up_proj", d, inter, bias=False, gain=1.5)
            m.linear(prefix + ".down_proj", inter, d, bias=False, gain=1.5)

    m.add("model.embed_tokens.weight", (VOCABULARY, d), 1.0)
    for layer in range(c["layers"]):
        p = f"model.layers.{layer}"
        m.norm(p + ".input_layernorm", d)
        if not phi:
            m.norm(p + ".post_attention_layernorm", d)
        bias = phi or c["qkv_bias"]
        m.linear(p + ".self_attn.q_proj", d, d, bias, gain=1.5)
        m.linear(p + ".self_attn.k_proj", d, kv_width, bias, gain=1.5)
        m.linear(p + ".self_attn.v_proj", d, kv_width, bias)
        m.linear(p + (".self_attn.dense" if phi else ".self_attn.o_proj"), d, d, bias=phi)
        experts = mixture_layers(c).get(layer)
        if experts is None:
            ffn(p + ".mlp")
            continue
        med = c["flavour"] == "med-moe"
        m.linear(p + ".mlp.deepspeed_moe.gate.wg", d, experts, bias=med)
        for e in range(experts):
            ffn(f"{p}.mlp.deepspeed_moe.experts.deepspeed_experts.{e}")
        if med:
            ffn(p + ".mlp.meta_moe")
        elif c["residual"]:
            ffn(p + ".mlp.mlp")
        if c["residual"]:
            m.linear(p + ".mlp.coefficient", d, 2)
    m.norm("model.final_layernorm" if phi else "model.norm", d)
    if not c["tied"]:
        m.linear("lm_head", d, VOCABULARY, bias=phi, gain=2.0)
    elif phi:
        m.add("lm_head.bias", (VOCABULARY,), 1.0)
    widths = [c["tower_hidden"]] + [d] * projector_depth(c)
    for i in range(projector_depth(c)):
        place = "" if c["projector"] == "linear" else f".{2 * i}"
        m.linear("model.mm_projector.image_spatial_proj" + place, widths[i], widths[i + 1])
    return m.tensors


def projector_depth(c):
    return 1 if c["projector"] == "linear" else int(c["projector"][3:-len("x_gelu")])


def make_tower(c, seed):
    m = Maker(seed, DTYPES[c["dtype"]])
    w, patch = c["tower_hidden"], 4
    p = "vision_model."
    m.add(p + "embeddings.class_embedding", (w,), 0.5)
    m.add(p + "embeddings.patch_embedding.weight", (w, 3, patch, patch), 0.15)
    m.add(p + "embeddings.position_embedding.weight", ((c["side"] // patch) ** 2 + 1, w), 0.5)
    m.norm(p + "pre_layrnorm", w)
    for layer in range(c["tower_layers"]):
        q = f"{p}encoder.layers.{layer}."
        m.norm(q + "layer_norm1", w)
        m.norm(q + "layer_norm2", w)
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"]:
            m.linear(q + "self_attn." + name, w, w, gain=1.5)
        m.linear(q + "mlp.fc1", w, c["tower_inter"], gain=1.5)
        m.linear(q + "mlp.fc2", c["tower_inter"], w)
    m.norm(p + "post_layernorm", w)
    return m.tensors


def kept(c, tensors):
    """The tensors under the names that a writer keeps: the meta expert of Med-MoE is also its residual module."""
    out = {}
    for name, tensor in tensors.items():
        if ".mlp.meta_moe." in name and c["residual"] in ("both", "mlp"):
            out[name.replace(".meta_moe.", ".mlp.")] = tensor
            if c["residual"] == "mlp":
                continue
        out[name] = tensor
    return out


# The image side ------------------------------------------------------------------------------------------------------

def pixels(image, c):
    if c["aspect"] == "pad" and image.width != image.height:
        long = max(image.size)
        square = Image.new("RGB", (long, long), tuple(int(255 * x) for x in MEAN))
        square.paste(image, ((long - image.width) // 2, (long - image.height) // 2))
        image = square
    side, short, long = c["side"], min(image.size), max(image.size)
    other = int(side * long / short)
    image = image.resize((side, other) if image.width <= image.height else (other, side), Image.BICUBIC)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    values = (np.asarray(image) * (1 / 255)).astype(np.float32)
    values = (values - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(values).permute(2, 0, 1)[None].contiguous()


def attend(q, k, v, heads, kv_heads, causal):
    """q [T, H·d], k and v [T, G·d]; query head h uses key-value head h // (H / G)."""
    t, d = q.shape[0], q.shape[1] // heads
    out = []
    for h in range(heads):
        g = h // (heads // kv_heads)
        scores = q[:, h * d:(h + 1) * d] @ k[:, g * d:(g + 1) * d].T / math.sqrt(d)
        if causal:
            scores = scores.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
        out.append(scores.softmax(-1) @ v[:, g * d:(g + 1) * d])
    return torch.cat(out, -1)


def tower_features(w, c, x):
    def norm(name, h):
        return F.layer_norm(h, h.shape[-1:], w[name + ".weight"], w[name + ".bias"], 1e-5)

    def linear(name, h):
        return h @ w[name + ".weight"].T + w[name + ".bias"]

    p = "vision_model."
    patches = F.conv2d(x, w[p + "embeddings.patch_embedding.weight"], stride=4)[0].flatten(1).T
    h = torch.cat([w[p + "embeddings.class_embedding"][None], patches]) + w[p + "embeddings.position_embedding.weight"]
    h = norm(p + "pre_layrnorm", h)
    states = [h]
    for layer in range(c["tower_layers"]):
        q = f"{p}encoder.layers.{layer}."
        n = norm(q + "layer_norm1", h)
        mixed = attend(*(linear(q + f"self_attn.{k}_proj", n) for k in "qkv"), c["tower_heads"], c["tower_heads"], causal=False)
        h = h + linear(q + "self_attn.out_proj", mixed)
        n = linear(q + "mlp.fc1", norm(q + "layer_norm2", h))
        n = n * torch.sigmoid(1.702 * n) if c["tower_act"] == "quick_gelu" else F.gelu(n)
        h = h + linear(q + "mlp.fc2", n)
        states.append(h)
    chosen = states[c["select"]]
    return chosen[1:] if c["feature"] == "patch" else chosen


def project(w, c, h):
    for i in range(projector_depth(c)):
        if i > 0:
            h = F.gelu(h)
        name = "model.mm_projector.image_spatial_proj" + ("" if c["projector"] == "linear" else f".{2 * i}")
        h = h @ w[name + ".weight"].T + w[name + ".bias"]
    return h


# The language side ----------------------------------------------------------------------------------------------------

def rotate(x, heads, c):
    """Rotary embedding of the first int(fraction · d) dimensions of each head, halves paired."""
    t, d = x.shape[0], x.shape[1] // heads
    r = int(c["rope"] * d)
    frequencies = 1.0 / c["theta"] ** (torch.arange(0, r, 2).float() / r)
    angles = torch.arange(t).float()[:, None] * frequencies[None]
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    x = x.view(t, heads, d)
    a, b, rest = x[..., :r // 2], x[..., r // 2:r], x[..., r:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1).reshape(t, -1)


def language(w, c, x, seen=None, gaps=None):
    """Logits [T, V] of the embedded sequence x [T, D]; `seen` collects the named tensors, `gaps` how clear each routing choice was."""
    phi = c["backbone"] == "phi"
    seen = {} if seen is None else seen

    def norm(name, h):
        return F.layer_norm(h, h.shape[-1:], w[name + ".weight"], w[name + ".bias"], c["eps"])

    def linear(name, h):
        bias = w.get(name + ".bias")
        h = h @ w[name + ".weight"].T
        return h if bias is None else h + bias

    def ffn(name, h):
        if phi:
            return linear(name + ".fc2", F.gelu(linear(name + ".fc1", h), approximate="tanh"))
        return linear(name + ".down_proj", F.silu(linear(name + ".gate_proj", h)) * linear(name + ".up_proj", h))

    def attention(name, h):
        q = rotate(linear(name + ".q_proj", h), c["heads"], c)
        k = rotate(linear(name + ".k_proj", h), c["kv"], c)
        mixed = attend(q, k, linear(name + ".v_proj", h), c["heads"], c["kv"], causal=True)
        return linear(name + (".dense" if phi else ".o_proj"), mixed)

    def mixture(layer, name, h):
        z = linear(name + ".deepspeed_moe.gate.wg", h)
        seen[f"gate_logits.{layer}"] = z
        seen[f"moe_in.{layer}"] = h[None]
        g = z.softmax(-1)
        out = []
        for t in range(h.shape[0]):
            order = sorted(range(g.shape[1]), key=lambda e: (-z[t, e].item(), e))
            chosen = order[:c["top_k"]]
            if gaps is not None and len(order) > len(chosen):
                gaps.append((z[t, chosen[-1]] - z[t, order[len(chosen)]]).item())
            weights = [g[t, e] for e in chosen]
            if c["top_k"] == 2:
                weights = [weight / (weights[0] + weights[1]) for weight in weights]
            row = h[t:t + 1]
            y = sum(weight * ffn(f"{name}.deepspeed_moe.experts.deepspeed_experts.{e}", row) for e, weight in zip(chosen, weights))
            med = c["flavour"] == "med-moe"
            if c["residual"]:
                share = linear(name + ".coefficient", row).softmax(-1)[0]
                y = share[0] * y + share[1] * ffn(name + (".meta_moe" if med else ".mlp"), row)
            if med:
                y = y + ffn(name + ".meta_moe", row)
            out.append(y)
        out = torch.cat(out)
        seen[f"moe_out.{layer}"] = out[None]
        return out

    for layer in range(c["layers"]):
        seen[f"hidden.{layer}"] = x[None]
        p = f"model.layers.{layer}"

        def feed_forward(h):
            return mixture(layer, p + ".mlp", h) if layer in mixture_layers(c) else ffn(p + ".mlp", h)

        h = norm(p + ".input_layernorm", x)
        if phi:
            x = x + attention(p + ".self_attn", h) + feed_forward(h)
        else:
            x = x + attention(p + ".self_attn", h)
            x = x + feed_forward(norm(p + ".post_attention_layernorm", x))
    x = norm("model.final_layernorm" if phi else "model.norm", x)
    seen[f"hidden.{c['layers']}"] = x[None]
    head = w["model.embed_tokens.weight"] if c["tied"] else w["lm_head.weight"]
    logits = x @ head.T
    return logits + w["lm_head.bias"] if phi else logits


def compute(c, language_weights, tower_weights, image):
    """The golden tensors, the smallest greedy margin and the smallest gap of a routing choice."""
    w = {k: v.float() for k, v in language_weights.items()}
    v = {k: t.float() for k, t in tower_weights.items()}
    seen = {}
    x = pixels(image, c)
    features = tower_features(v, c, x)
    projected = project(w, c, features)
    before, after = [TOKENIZER.encode(piece).ids for piece in PROMPT.split("<image>")]
    table = w["model.embed_tokens.weight"]
    embedded = torch.cat([table[before], projected, table[after]])
    gaps = []
    logits = language(w, c, embedded, seen, gaps)
    seen |= {
        "pixel_values": x, "image_features": features[None], "projected": projected[None],
        "input_ids": torch.tensor([before + [IMAGE_TOKEN] + after]), "logits": logits[None, -KEPT_LOGITS:],
    }
    tokens, margin = [], math.inf
    while True:
        best = logits[-1].topk(2).values
        margin = min(margin, (best[0] - best[1]).item())
        tokens.append(int(logits[-1].argmax()))
        if len(tokens) == GREEDY_TOKENS:
            break
        logits = language(w, c, torch.cat([embedded, table[tokens]]), None, gaps)
    seen["greedy"] = torch.tensor(tokens)
    return seen, margin, min(gaps, default=math.inf)


# Files ------------------------------------------------------------------------------------------------------------------

def make_image(size, seed):
    """A smooth random image: noise of a few pixels, enlarged."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.BILINEAR)


def language_config(c):
    phi = c["backbone"] == "phi"
    config = {
        "model_type": "moe_llava_phi" if phi else "moe_llava_stablelm", "vocab_size": VOCABULARY, "hidden_size": c["hidden"],
        "intermediate_size": c["inter"], "num_hidden_layers": c["layers"], "num_attention_heads": c["heads"],
        "num_key_value_heads": c["kv"], "rope_theta": c["theta"], "max_position_embeddings": 64, "tie_word_embeddings": c["tied"],
        "eos_token_id": 0, "mm_image_tower": "../clip", "mm_hidden_size": c["tower_hidden"], "image_projector_type": c["projector"],
        "mm_vision_select_layer": c["select"], "mm_vision_select_feature": c["feature"], "image_aspect_ratio": c["aspect"],
    }
    if phi:
        config |= {"hidden_act": "gelu_new", "partial_rotary_factor": c["rope"], "layer_norm_eps": c["eps"], "qk_layernorm": False}
    else:
        config |= {"hidden_act": "silu", "rope_pct": c["rope"], "norm_eps": c["eps"], "use_qkv_bias": c["qkv_bias"]}
    if c["experts"] is not None:
        config["moe"] = {
            "moe_enable": True, "moe_mode": c["mode"], "top_k_experts": c["top_k"], "num_experts": c["experts"],
            "use_residual": c["residual"] is not None,
        }
        if c["moe_layers"] is not None:
            config["moe"]["moe_layers_idx"] = c["moe_layers"]
    return config


def tower_configs(c):
    tower = {
        "model_type": "clip_vision_model", "hidden_size": c["tower_hidden"], "intermediate_size": c["tower_inter"],
        "num_hidden_layers": c["tower_layers"], "num_attention_heads": c["tower_heads"], "num_channels": 3, "image_size": c["side"],
        "patch_size": 4, "hidden_act": c["tower_act"], "layer_norm_eps": 1e-5,
    }
    processor = {
        "crop_size": {"height": c["side"], "width": c["side"]}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
        "do_rescale": True, "do_resize": True, "image_mean": MEAN, "image_std": STD, "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": c["side"]}, "image_processor_type": "CLIPImageProcessor",
    }
    return tower, processor


def write(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def make_case(name, c, number):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "clip").mkdir()
    image = make_image(c["image"], number)
    # The first seed whose choices are all clear.
    for seed in range(1000 * number, 1000 * number + 1000):
        language_weights, tower_weights = make_language(c, seed), make_tower(c, seed + 500_000)
        golden, margin, gap = compute(c, language_weights, tower_weights, image)
        if margin >= SMALLEST_GREEDY_MARGIN and gap >= SMALLEST_GATE_GAP and len(set(golden["greedy"].tolist())) >= 3:
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear choices")
    stored = kept(c, language_weights)
    if c["tower_inside"]:
        stored |= {"model.image_tower.image_tower." + k: v for k, v in tower_weights.items()}
    else:
        save_file(tower_weights, folder / "clip/model.safetensors", metadata={"format": "pt"})
    # Tensors kept under two names are written twice.
    save_file({k: v.clone() for k, v in stored.items()}, folder / "checkpoint/model.safetensors", metadata={"format": "pt"})
    save_file({k: v.contiguous().clone() for k, v in golden.items()}, folder / "golden.safetensors")
    write(folder / "checkpoint/config.json", language_config(c))
    tower, processor = tower_configs(c)
    write(folder / "clip/config.json", tower)
    write(folder / "clip/preprocessor_config.json", processor)
    image.save(folder / "image.png", optimize=True)
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{name:26} seed {seed} margin {margin:.4f} gate gap {gap:.4f} {size / 1000:.0f} kB {golden['greedy'].tolist()}")
    return {
        "name": name, "prompt": PROMPT, "seed": seed, "smallest_greedy_margin": margin,
        "smallest_gate_gap": None if math.isinf(gap) else gap, "mixture_layers": sorted(mixture_layers(c)),
    }


def main():
    torch.set_num_threads(1)
    with torch.no_grad():
        cases = [make_case(name, DEFAULT | changes, number + 1) for number, (name, changes) in enumerate(CASES.items())]
    write(HERE / "cases.json", cases)


if __name__ == "__main__":
    main()
