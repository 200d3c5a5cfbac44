# Makes the archives beside this file with torch. Values count up from 0, so that a test can say what must come out.
import collections
import json
import torch

def count(*shape, dtype=torch.float32):
    n = 1
    for extent in shape:
        n *= extent
    return torch.arange(n).reshape(shape).to(dtype)

base = count(4, 6)
types = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
torch.save({str(t).split(".")[1]: count(3, 2, dtype=t) for t in types}, "types.pth")
torch.save({
    "transposed": base.t(), "column": base[:, 2], "block": base[1:3, 2:5], "row": base[2], "repeated": base[0].expand(4, 6),
    "scalar": torch.tensor(7.0), "empty": torch.zeros(0, 3), "whole": base, "odd": count(2, 3, 4, 5).permute(3, 1, 0, 2),
}, "views.pth")
module = torch.nn.Linear(3, 2)
with torch.no_grad():
    module.weight.copy_(count(2, 3))
    module.bias.copy_(count(2))
torch.save({"epoch": 3, "lr": 1e-4, "state_dict": module.state_dict()}, "wrapped.pth")
torch.save(collections.OrderedDict(weight=torch.nn.Parameter(count(2, 3))), "parameter.pth")
torch.save(collections.OrderedDict(weight=count(2, 3)), "protocol4.pth", pickle_protocol=4)
torch.save(collections.OrderedDict(weight=count(2, 3)), "before-1.6.pth", _use_new_zipfile_serialization=False)
torch.save({"whole_model": module}, "module.pth")
torch.save({"weight": count(1)[0].repeat(2), "note": "text"}, "not-a-tensor.pth")
parts = {"pytorch_model-00001-of-00002.bin": {"a": count(2, 3)}, "pytorch_model-00002-of-00002.bin": {"b": count(4), "c": count(2, 2).t()}}
for name, tensors in parts.items():
    torch.save(tensors, "sharded/" + name)
index = {"metadata": {"total_size": 56}, "weight_map": {key: name for name, tensors in parts.items() for key in tensors}}
with open("sharded/pytorch_model.bin.index.json", "w") as file:
    json.dump(index, file, indent=2)
