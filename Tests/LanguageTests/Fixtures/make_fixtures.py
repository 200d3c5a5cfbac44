"""Makes the tokenisers of this folder and what the reference libraries compute with them (expectations.json).

    python3 make_fixtures.py SHARED

SHARED is the folder with `fixtures/models`, `models/medmoe-tiny` and `data/vqa-rad`. Needs tokenizers, tiktoken, safetensors, numpy; compares with
transformers too if it is installed. The strings are made by the generator below, which HostileText.swift repeats number by number, so
that only hashes need to be committed.
"""
import base64, json, os, shutil, sys, unicodedata

import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = sys.argv[1]
MASK = (1 << 64) - 1
BLOCKS, BLOCK = 100, 100


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def pick(self, items):
        return items[self.below(len(items))]


WORDS = [" the", " image", " of", " Is", " there", " pleural", " effusion", "What", " modality", " is", "n't", " CT", " MRI", "?", ".",
         " yes", " no", " lesion", " naïve", " Ödem", "    return", "\tif", " х-ray", "肺", "結節", " 3D", " T2-weighted", "X-ray"]
BLANKS = ["\n", "\r\n", "\r", "\t", "\u0085", "\u2028", "\u00a0", "\u3000", "\u000b", "\u000c", "\u200b", "\u1680", "\n\n", " \n", "\u180e"]
CONTRACTIONS = ["s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Re", "vE", "M", "LL", "lL", "D", "\u017f", "\u017fa", "x", ""]
DIGITS = [0x30, 0x660, 0x966, 0x1D7CE, 0x1D7F6, 0xB2, 0xBC, 0x2160, 0x3007, 0xFF10, 0x1F100, 0x11DE0, 0x16FF4, 0x11FC0]
JOINED = [0x1F468, 0x200D, 0x1F469, 0xFE0F, 0x1F3FD, 0x2764, 0x1F1E9, 0x1F1EA, 0x200C, 0x2060, 0xFEFF, 0xE0001, 0xE0067]
ODD = [0xFFFE, 0xFFFF, 0x1FFFE, 0xE000, 0xF8FF, 0x10FFFF, 0x378, 0x0, 0x7F, 0x2FE0, 0xFFFD, 0x110BD, 0x32000, 0x1C89, 0x105C0, 0x16D40]
INDIC = [0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0xD7A3, 0x915, 0x93C, 0x94D, 0x9C7, 0x9BE, 0xDD9, 0xDCA, 0xDCF, 0x344, 0x340, 0x958,
         0x11935, 0x11930, 0x8D3, 0x898, 0x212B, 0x1E9B, 0x323, 0x307, 0xFB1D, 0xF900, 0x2F800, 0x1D15E]
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def scalar(code):
    return chr(code if code < 0xD800 else code + 0x800)


def text(r, special):
    out = []
    for _ in range(1 + r.below(8)):
        kind = r.below(16)
        if kind == 0:
            out += [chr(97 + r.below(26)) for _ in range(1 + r.below(8))]
        elif kind == 1:
            n = 1 + r.below(6)
            out.append(" " * (n + (100 * r.below(4) if r.below(16) == 0 else 0)))
        elif kind == 2:
            out += [r.pick(BLANKS) for _ in range(1 + r.below(3))]
        elif kind == 3:
            out += [chr(48 + r.below(10)) for _ in range(1 + r.below(6))]
        elif kind == 4:
            out += [scalar(r.below(0x10F800)) for _ in range(1 + r.below(4))]
        elif kind == 5:
            out += [chr(r.below(0x3000)) for _ in range(1 + r.below(4))]
        elif kind == 6:
            out.append(chr(97 + r.below(26)))
            out += [chr(0x300 + r.below(0x70)) for _ in range(1 + r.below(4))]
        elif kind == 7:
            out.append(r.pick(["'", "\u2019", " '", "a'", "'"]))
            out.append(r.pick(CONTRACTIONS))
        elif kind == 8:
            out += [r.pick(PUNCTUATION) for _ in range(1 + r.below(5))]
        elif kind == 9:
            out += [chr(r.pick(JOINED)) for _ in range(1 + r.below(5))]
        elif kind == 10:
            out.append(r.pick(special))
        elif kind == 11:
            out += [chr(r.pick(DIGITS) + r.below(4)) for _ in range(1 + r.below(5))]
        elif kind == 12:
            out += [chr(r.pick(INDIC)) for _ in range(1 + r.below(5))]
        elif kind == 13:
            out += [chr(r.pick(ODD)) for _ in range(1 + r.below(3))]
        elif kind == 14:
            letter = chr(97 + r.below(26))
            n = 1 + r.below(60)
            out.append(letter * (n * 20 if r.below(16) == 0 else n))
        else:
            out += [r.pick(WORDS) for _ in range(1 + r.below(6))]
    return "".join(out)


class FNV:
    def __init__(self):
        self.value = 0xCBF29CE484222325

    def bytes(self, data):
        for b in data:
            self.value = ((self.value ^ b) * 0x100000001B3) & MASK

    def id(self, i):
        self.bytes(i.to_bytes(4, "little"))

    def hex(self):
        return f"{self.value:016x}"


def corpus():
    r = SplitMix64(7)
    subjects = ["The chest radiograph", "This CT scan", "An axial MRI", "The biopsy", "It", "The patient's left lung", "Das Röntgenbild", "胸部の画像"]
    verbs = [" shows", " doesn't show", " demonstrates", " isn't", " reveals", " they've seen", " we'll compare with", " zeigt"]
    objects = [" a pleural effusion", " no pneumothorax", " bilateral opacities", " a lesion of 12 mm", " cardiomegaly", " edema in the left lobe",
               " T2-weighted hyperintensity", " naïve café", " 3 nodules", " ein Ödem"]
    for _ in range(3000):
        line = r.pick(subjects) + r.pick(verbs) + r.pick(objects) + r.pick([".", "?", "!", ", and", ";"])
        if r.below(4) == 0:
            line = "    " * (1 + r.below(3)) + "return " + line
        if r.below(5) == 0:
            line += "\n\t\tif x:\n        pass\n\n"
        yield line + "\n"
    # VQA-RAD is in the public domain (CC0).
    for record in json.load(open(os.path.join(SHARED, "data/vqa-rad/train.json"))):
        yield "".join(c["value"].replace("<image>", "") + "\n" for c in record["conversations"])


def train(size, pre):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre
    t.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(t.to_str())["model"]
    return model["vocab"], [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]


def save(path, content):
    path = os.path.join(HERE, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


def byte_level(vocab, merges, added):
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    for token in added:
        (t.add_special_tokens if token.special else t.add_tokens)([token])
    return t


ARCADE = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
ARCADE_SPECIAL = (
    ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<gh_stars>", "<filename>", "<issue_start>",
     "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>", "<jupyter_code>", "<jupyter_output>", "<empty_output>",
     "<commit_before>", "<commit_msg>", "<commit_after>", "<reponame>", "<|endofprompt|>", "<|im_start|>", "<|im_end|>", "<|pause|>"]
    + [f"<|reg{i}|>" for i in range(8)] + ["<|extra0|>"])


def make():
    """name -> (encode, decode(ids, skip), size)"""
    made = {}

    def hf(name, t):
        made[name] = (lambda s: t.encode(s, add_special_tokens=False).ids, lambda ids, skip: t.decode(ids, skip_special_tokens=skip),
                      max(t.get_vocab().values()) + 1)

    for name, path in [("tiny", "fixtures/models/tiny-stablelm/checkpoint"), ("medmoe-tiny", "models/medmoe-tiny")]:
        os.makedirs(os.path.join(HERE, name), exist_ok=True)
        for file in ["tokenizer.json", "tokenizer_config.json"]:
            shutil.copyfile(os.path.join(SHARED, path, file), os.path.join(HERE, name, file))
        os.chmod(os.path.join(HERE, name, "tokenizer.json"), 0o644)
        os.chmod(os.path.join(HERE, name, "tokenizer_config.json"), 0o644)
        hf(name, Tokenizer.from_file(os.path.join(HERE, name, "tokenizer.json")))

    vocab, merges = train(2500, pre_tokenizers.ByteLevel(add_prefix_space=False))
    vocab["<|endoftext|>"] = len(vocab)
    save("gpt2/vocab.json", vocab)
    save("gpt2/merges.txt", "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    hf("gpt2", byte_level(vocab, merges, [AddedToken("<|endoftext|>", special=True, normalized=False)]))

    vocab, merges = train(1800, pre_tokenizers.ByteLevel(add_prefix_space=False))
    vocab["<|endoftext|>"] = len(vocab)
    runs = [" " * n for n in range(31, 1, -1)] + ["\t" * n for n in range(9, 1, -1)]
    save("codegen/vocab.json", vocab)
    save("codegen/merges.txt", "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    save("codegen/added_tokens.json", {t: len(vocab) + i for i, t in enumerate(runs)})
    save("codegen/tokenizer_config.json", {
        "tokenizer_class": "CodeGenTokenizer", "add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>"})
    hf("codegen", byte_level(vocab, merges, [AddedToken("<|endoftext|>", special=True, normalized=False)]
                             + [AddedToken(t, special=False, normalized=True) for t in runs]))

    # A rank file: single bytes in GPT-2's order, then the merges in theirs.
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(ARCADE), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    vocab, merges = train(3000, pre)
    order = sorted(vocab, key=vocab.get)
    to_bytes = {c: b for b, c in byte_alphabet().items()}
    ranks = {bytes(to_bytes[c] for c in token): i for i, token in enumerate(order)}
    save("arcade100k/arcade100k.tiktoken", "".join(f"{base64.b64encode(t).decode()} {i}\n" for t, i in ranks.items()))
    save("arcade100k/tokenizer_config.json", {"tokenizer_class": "Arcade100kTokenizer", "eos_token": "<|endoftext|>"})
    special = {t: 100257 + i for i, t in enumerate(ARCADE_SPECIAL)}
    encoding = tiktoken.Encoding("arcade100k", pat_str=ARCADE, mergeable_ranks=ranks, special_tokens=special)
    known = set(ranks.values()) | set(special.values())
    made["arcade100k"] = (
        lambda s: encoding.encode(unicodedata.normalize("NFC", s), allowed_special="all", disallowed_special=()),
        lambda ids, skip: encoding.decode([i for i in ids if i in known and not (skip and i >= 100257)]), 100289)

    # Everything else that tokenizer.json can say: NFC, Digits, ignore_merges, merges as arrays, flags of added tokens.
    n = len(vocab)
    added = [
        dict(content="<|endoftext|>", special=True), dict(content="<mask>", special=True, lstrip=True),
        dict(content="<r>", rstrip=True), dict(content="<both>", lstrip=True, rstrip=True), dict(content="effusion", single_word=True),
        dict(content="e\u0301", normalized=True), dict(content="\u00e9\u00e9"), dict(content="CT", normalized=True, single_word=True),
        dict(content="<|im"), dict(content="<|im_start|>", special=True)]
    # A token that the vocabulary has keeps its id, the others follow.
    for token in added:
        token["id"] = vocab[token["content"]] if token["content"] in vocab else n
        n += token["content"] not in vocab
    flags = ["single_word", "lstrip", "rstrip", "normalized", "special"]
    save("everything/tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [dict(id=t["id"], content=t["content"], **{f: t.get(f, False) for f in flags}) for t in added],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": ARCADE}, "behavior": "Removed", "invert": True},
            {"type": "Digits", "individual_digits": True},
            {"type": "Split", "pattern": {"String": "-"}, "behavior": "MergedWithPrevious", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {}},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": True, "vocab": vocab, "merges": [list(m) for m in merges[:2000]]}})
    hf("everything", Tokenizer.from_file(os.path.join(HERE, "everything/tokenizer.json")))
    return made


def byte_alphabet():
    out, extra = {}, 256
    for b in range(256):
        if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b:
            out[b] = chr(b)
        else:
            out[b] = chr(extra)
            extra += 1
    return out


SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im", "<mask>", "  <mask> ", "<r>  ", " <both> <r> ", " effusion ", "xeffusion", "CT", "é", "éé",
           "e\u0301e\u0301", "<|endoftext", "<image>", "<|reg3|>", "<|endoftext|><|endoftext|>", "<filename>"]


def main():
    expectations = {}
    for number, (name, (encode, decode, size)) in enumerate(made := list(make().items())):
        r, encoded = SplitMix64(1000 + number), []
        for _ in range(BLOCKS):
            h = FNV()
            for _ in range(BLOCK):
                for i in encode(text(r, SPECIAL)):
                    h.id(i)
                h.id(0xFFFFFFFF)
            encoded.append(h.hex())
        r, decoded = SplitMix64(2000 + number), []
        for _ in range(10):
            h = FNV()
            for k in range(BLOCK):
                # Mostly single bytes, so that characters break; sometimes ids that no token has.
                ids = [r.below(256) if r.below(3) else r.below(size + 3) for _ in range(r.below(24))]
                h.bytes(decode(ids, k % 2 == 1).encode())
                h.id(0xFFFFFFFF)
            decoded.append(h.hex())
        expectations[name] = {"size": size, "encode": encoded, "decode": decoded}
    expectations["strings"] = []
    r = SplitMix64(1000)
    for _ in range(BLOCKS):
        h = FNV()
        for _ in range(BLOCK):
            h.bytes(text(r, SPECIAL).encode())
            h.id(0xFFFFFFFF)
        expectations["strings"].append(h.hex())
    save("expectations.json", expectations)
    prompts()
    normal_forms()
    with_transformers(dict(made))


def prompts():
    import safetensors.numpy
    out = []
    for case in ["tiny-phi", "tiny-stablelm", "tiny-stablelm-top2"]:
        folder = os.path.join(SHARED, "fixtures/models", case)
        tensors = safetensors.numpy.load_file(os.path.join(folder, "golden.safetensors"))
        manifest = json.load(open(os.path.join(folder, "manifest.json")))
        for i, p in enumerate(manifest["prompts"]):
            out.append({"model": case, "template": manifest["config"]["backbone"], "question": p["question"], "prompt": p["prompt"],
                        "ids": tensors[f"p{i}.input_ids"].flatten().tolist(), "answer_ids": p["greedy_tokens"], "answer": p["greedy_text"]})
    save("prompts.json", out)


def normal_forms():
    """Hashes of NFC over every code point of the planes that have anything to compose, between letters and marks."""
    out = {}
    nf = normalizers.NFC()
    for name, normalize in [("unicode14", lambda s: unicodedata.normalize("NFC", s)), ("unicode9", nf.normalize_str)]:
        out[name] = []
        for start in list(range(0, 0x30000, 0x1000)) + [0xE0000]:
            s = "".join(f"{chr(c)}a\u0345{chr(c)}\u0334{chr(c)}" for c in range(start, start + 0x1000) if not 0xD800 <= c <= 0xDFFF)
            h = FNV()
            h.bytes(normalize(s).encode())
            out[name].append(h.hex())
    save("normal_forms.json", out)


def with_transformers(made):
    try:
        from transformers import CodeGenTokenizer
    except ImportError:
        print("transformers is not installed: not compared")
        return
    t = CodeGenTokenizer.from_pretrained(os.path.join(HERE, "codegen"))
    r = SplitMix64(5)
    for _ in range(2000):
        s = text(r, SPECIAL)
        assert t(s, add_special_tokens=False)["input_ids"] == made["codegen"][0](s), repr(s)
    print("transformers agrees on the codegen folder")


if __name__ == "__main__":
    main()
