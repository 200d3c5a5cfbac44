"""Makes corpora and what Hugging Face `tokenizers` learns from them (cases.json).

    python3 make_training.py

Needs tokenizers. A case is a list of texts, a vocabulary size, the tokens by id and the merges in order.
"""
import json, os, random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
ORGANS = ["lung", "heart", "liver", "kidney", "spleen", "brain", "bladder", "pancreas", "stomach", "aorta"]
FINDINGS = ["effusion", "pneumothorax", "mass", "nodule", "fracture", "edema", "hemorrhage", "infarction", "calcification", "necrosis"]
SIDES = ["left", "right", "upper left", "lower right", "both sides"]
QUESTIONS = ["Is there a {f} in the {o}?", "Where is the {f}?", "What is shown in the {s} of the {o}?", "Does the {o} look normal?",
             "What's the size of the {f}? It isn't 3.5cm.", "Which modality is used: CT, MRI or X-ray of the {o}?"]
ODD = ["naïve Ödem", "肺の結節 12mm", "  \t two  blanks\n\nand lines", "\u00a0x\u3000y", "'s we'll they'RE", "😀👩‍⚕️ ok", "", " ", "<|endoftext|> as text",
       "a" * 70, "ab" * 40 + "a", "\x00\x7f\u0085", "٣٤٥ ⅣⅤ ½", "e\u0301tude \ufeff"]


def sentences(seed, count):
    r = random.Random(seed)
    return [r.choice(QUESTIONS).format(f=r.choice(FINDINGS), o=r.choice(ORGANS), s=r.choice(SIDES)) + " " + r.choice(FINDINGS + SIDES + ["yes", "no"])
            for _ in range(count)]


def letters(seed, alphabet, count, longest):
    """Words of few letters: pairs tie all the time, and one token arises from several pairs."""
    r = random.Random(seed)
    return ["".join(r.choice(alphabet) for _ in range(1 + r.randrange(longest))) for _ in range(count)]


def train(texts, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


def case(name, texts, size):
    state = json.loads(train(texts, size).to_str())["model"]
    tokens = sorted(state["vocab"], key=state["vocab"].get)
    assert [state["vocab"][t] for t in tokens] == list(range(len(tokens)))
    # Tokens before 257 are the same in every case.
    return dict(name=name, texts=texts, size=size, alphabet="".join(tokens[1:257]) if name == "questions" else None, tokens=tokens[257:],
                merges=[m if isinstance(m, str) else " ".join(m) for m in state["merges"]])


if __name__ == "__main__":
    cases = [
        case("questions", sentences(1, 120), 500),
        case("until nothing is left to merge", sentences(2, 12), 5000),
        case("odd texts", ODD * 2 + sentences(3, 10), 420),
        case("two letters", letters(4, "ab", 160, 14), 340),
        case("three letters", letters(5, "abc", 220, 16), 420),
        case("one letter", letters(6, "a", 30, 40), 320),
        case("digits and blanks", [" ".join(letters(7 + i, "01", 6, 9)) for i in range(30)], 330),
        case("no room for merges", sentences(8, 3), 257),
    ]
    with open(os.path.join(HERE, "cases.json"), "w") as file:
        json.dump(cases, file, ensure_ascii=False, indent=1)
        file.write("\n")
