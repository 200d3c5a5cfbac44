#!/usr/bin/env python3
"""Gradients and learning curves of the small models in ModelFixtures/Variants, by PyTorch's autograd in float64.

The plain reference beside those models computes the forward pass; this adds, for each case, NAME.gradients.safetensors:

    tokens.I, targets.I         sequence I (0, 1): token ids (-200 where the image goes) and 1 where a token is to be predicted
    features                    what the tower makes of the case's image, [rows, width]; both sequences have it
    loss, grad.PARAMETER        mean cross-entropy over all targets of both sequences, and its gradients
    curve                       the losses of ten steps of AdamW (settings below), each before its update
    pixels, weighting           for towers: input, and the factors c of the loss sum(c * last hidden state)
    tower.PARAMETER             the gradients of that loss

Needs torch, safetensors, tokenizers, Pillow and numpy:  python3 make_gradients.py
"""
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
VARIANTS = HERE / "../../ModelFixtures/Variants"
sys.path.insert(0, str(VARIANTS))
import make_variants as reference  # noqa: E402

SEQUENCES = [("USER: <image>\nCT? ASSISTANT:", [17, 230, 5, 0]), ("USER: <image>\nWhich organ is it? ASSISTANT:", [301, 44, 0])]
STEPS, RATE, WARM_UP, DECAY, CLIP = 10, 3e-3, 2, 0.01, 1.0
TOWERS = ["phi-residual-mlp", "phi-llava", "stablelm-eight-tied"]


def rate(step):
    """Linear warm-up to the full rate, cosine down to nothing."""
    return RATE * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / STEPS))


def sequence(question, answer):
    before, after = [reference.TOKENIZER.encode(piece).ids for piece in question.split("<image>")]
    return before, after + answer, len(answer)


def loss_of(w, c, features):
    """Mean cross-entropy over the targets of all sequences."""
    losses = []
    for question, answer in SEQUENCES:
        before, after, targets = sequence(question, answer)
        table = w["model.embed_tokens.weight"]
        x = torch.cat([table[before], reference.project(w, c, features), table[after]])
        logits = reference.language(w, c, x)
        losses.append(F.cross_entropy(logits[-targets - 1:-1], torch.tensor(answer), reduction="none"))
    return torch.cat(losses).mean()


def case(name, changes):
    c = reference.DEFAULT | changes
    stored = {k: v.double() for k, v in load_file(VARIANTS / name / "checkpoint/model.safetensors").items()}
    inside = "model.image_tower.image_tower."
    tower = {k.removeprefix(inside): v for k, v in stored.items() if k.startswith(inside)}
    tower = tower or {k: v.double() for k, v in load_file(VARIANTS / name / "clip/model.safetensors").items()}
    stored = {k: v for k, v in stored.items() if not k.startswith(inside)}
    pixels = reference.pixels(Image.open(VARIANTS / name / "image.png").convert("RGB"), c).double()
    with torch.no_grad():
        features = reference.tower_features(tower, c, pixels)
    out = {"features": features}
    for index, (question, answer) in enumerate(SEQUENCES):
        before, after, targets = sequence(question, answer)
        out[f"tokens.{index}"] = torch.tensor(before + [reference.IMAGE_TOKEN] + after)
        out[f"targets.{index}"] = torch.tensor([0] * (len(before) + 1 + len(after) - targets) + [1] * targets)

    # The meta expert of some cases is stored as the residual module, or as both: one tensor that learns.
    leaves, w = {}, {}
    for k, v in stored.items():
        both = k.replace(".mlp.mlp.", ".mlp.meta_moe.")
        if both != k and c["flavour"] == "med-moe":
            leaf = leaves.get(both) if both in leaves else None
            if leaf is None and both not in stored:
                leaf = leaves[k] = v.clone().requires_grad_(True)
            elif leaf is None:
                leaf = leaves[both] = v.clone().requires_grad_(True)
            w[both] = leaf
        else:
            leaves.setdefault(k, v.clone().requires_grad_(True))
            w[k] = leaves[k]
    loss = loss_of(w, c, features)
    loss.backward()
    out["loss"] = loss.detach()[None]
    # Experts that no row chose have no gradient.
    out |= {f"grad.{k}": torch.zeros_like(v) if v.grad is None else v.grad.clone() for k, v in leaves.items()}

    groups = [{"params": [v for v in leaves.values() if v.ndim > 1], "weight_decay": DECAY},
              {"params": [v for v in leaves.values() if v.ndim == 1], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), eps=1e-8)
    curve = []
    for step in range(STEPS):
        for v in leaves.values():
            v.grad = torch.zeros_like(v)
        loss = loss_of(w, c, features)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(leaves.values()), CLIP)
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        optimiser.step()
        curve.append(loss.item())
    out["curve"] = torch.tensor(curve)

    if name in TOWERS:
        t = {k: v.clone().requires_grad_(True) for k, v in tower.items()}
        last = reference.tower_features(t, c | {"select": -1, "feature": "cls_patch"}, pixels)
        weighting = torch.cos(0.37 * torch.arange(last.numel(), dtype=torch.float64)).view_as(last)
        (weighting * last).sum().backward()
        out |= {"pixels": pixels[0], "weighting": weighting}
        out |= {f"tower.{k}": v.grad for k, v in t.items() if v.grad is not None}
    save_file({k: (v if v.dtype == torch.int64 else v.float()).contiguous().clone() for k, v in out.items()},
              HERE / f"{name}.gradients.safetensors")
    (HERE / f"{name}.gradients.safetensors").chmod(0o644)
    print(f"{name:26} loss {curve[0]:.4f} -> {curve[-1]:.4f}, {len(leaves)} parameters")


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    for name, changes in reference.CASES.items():
        case(name, changes)


if __name__ == "__main__":
    main()
