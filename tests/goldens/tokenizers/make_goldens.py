"""What `AutoTokenizer` of transformers 4 and 5 makes of odd tokenizer folders.

    python make_goldens.py MAJOR        # once in an environment of requirements-4.txt, once of requirements-5.txt
    python make_goldens.py join         # then in either

Each case is a folder of a tiny BERT classifier with unusual tokenizer files. `goldens.json` holds the texts, pairs
and lists of words, the files of each case, and for each major what it gives, cut to `model_max_length` or 48:
`[input_ids, token_type_ids]` of each text and pair as `pipeline(..)` would feed them (zeros where the tokenizer gives
no segments), or the reason for which the folder does not open. The keys `five_words` and `four_words` hold
`[input_ids, word_ids()]` of each list with `is_split_into_words=True` (its segments are all zero), or the reason for
which the tokenizer does not take words.
"""

import copy
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
POSITIONS = 48

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the a cat dog hello world café naive is not good Good The bad movie [NEW] running jump ##s ##ing ##ed un ##aff ##able 1999 don ' t".split()
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
OTHERS = list("ABCEGHTZ0123456789.,!?-'\"#@&()[]<>/éüñßİıﬁ½你好世界日本かなﾊ한글Привет🙂€") + ["e\u0301"]


def vocabulary():
    tokens = SPECIAL + WORDS + LETTERS + ["##" + letter for letter in LETTERS] + OTHERS
    tokens += ["##" + letter for letter in "éüñßABC0123456789你好한글et"] + ["@@s", "@@ing"]
    return list(dict.fromkeys(tokens))


TEXTS = [
    "", " ", "hello world", "Hello World", "HELLO", "The cat is not good.", "café", "CAFÉ naïve", "cafe\u0301", "un­affable",
    "unaffable running jumps", "你好世界", "hello你好world", "日本のかな", "한글 Привет", "a\tb\nc\r\nd", "a\u00a0b\u3000c", "a\u0000b", "a\ufffdb\u200bc",
    "\u0007bell", "don't", "don’t", "e-mail: a@b.c!", "[CLS] a [SEP] b", "[MASK] is good", "[mask]", "a[MASK]b", "the  [MASK]  cat", "<ent> a <ent>",
    "<ENT>a", "x<new>y <NEW>", "[NEW] cat", "[new] cat", "<extra> good", "🙂🙃", "ﬁne ½ İstanbul ıssız", "Straße ẞ", "supercalifragilistic" * 6,
    "the cat is not good . " * 12, "word " * 100, "zzzzzzzz qqq", "€uro #tag &amp; (a) \"q\"", "1999 3.14", "ｈｅｌｌｏ", "a\u0301b\u0308", "<|user|> hi",
]  # fmt: skip
PAIRS = [
    ["hello world", "The cat"], ["", "a"], ["a", ""], ["Hello [SEP]", "[CLS] world"], ["the cat is not good " * 6, "dog"],
    ["dog", "the cat is not good " * 6], ["one " * 30, "two " * 40], ["café", "CAFÉ"], ["<ent>", "a <ent>"], ["你好", "世界 a"],
]  # fmt: skip


LISTS = [
    [], [""], ["", "a", ""], ["hello", "world"], ["Hello", "World", "."], ["The", "cat", "is", "not", "good", "."], ["unaffable", "running", "zzzzzzzz"],
    ["café", "CAFÉ", "cafe\u0301", "\u0301", "e"], ["你好世界", "hello你好", "日本のかな", "한글"], ["hello world", "a  b", " a ", " ", "\t", "b\n"],
    ["\ufe0f", "a", "\u200d", "\u0007", "b\ufe0f", "\u00ad", "\ufffd"], ["[CLS]", "a", "[SEP]", "[MASK]", "[mask]", "a[MASK]b"],
    ["<ent>", "a<ent>", "<new>", "[NEW]", "[new]", "<|user|>", "<extra>"], ["don't", "e-mail:", "a@b.c!", "1999", "3.14"],
    ["🙂🙃", "ﬁne", "½", "İstanbul", "Straße", "ｈｅｌｌｏ"], ["supercalifragilistic" * 6, "cat"], ["a", *["unaffable"] * 12, "b"], ["a", "b", *["unaffable"] * 20, "a"],
    ["the cat is not good . " * 12, "dog"],
]  # fmt: skip


def added(content, at, special=True, **options):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": not special, "special": special}
    return {"id": at, "content": content} | flags | options


def plain():
    """The files of an ordinary uncased BERT."""
    tokens = vocabulary()
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(token, at) for at, token in enumerate(SPECIAL)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template([2, "A0", 3], [2, "A0", 3, "B1", "3:1"]),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {token: at for at, token in enumerate(tokens)}},
    }  # fmt: skip
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32}
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": config}


def template(single, pair):
    """`3:1` is the special token of id 3 with segment 1, `B1` the second text with segment 1."""

    def piece(part):
        if isinstance(part, str) and part[0] in "AB":
            return {"Sequence": {"id": part[0], "type_id": int(part[1])}}
        at, segment = (part, 0) if isinstance(part, int) else map(int, part.split(":"))
        return {"SpecialToken": {"id": SPECIAL[at], "type_id": segment}}

    used = {SPECIAL[at]: {"id": SPECIAL[at], "ids": [at], "tokens": [SPECIAL[at]]} for at in (2, 3)}
    return {"type": "TemplateProcessing", "single": list(map(piece, single)), "pair": list(map(piece, pair)), "special_tokens": used}


def vocab_txt(**config):
    files = {"vocab.txt": "\n".join(vocabulary()) + "\n"}
    return files | ({"tokenizer_config.json": config} if config else {})


CASES = {}


def case(build):
    CASES[build.__name__] = build
    return build


def variant(name, **config):
    """The plain files with other keys in tokenizer_config.json; None removes a key, NULL writes null."""

    def build():
        files = plain()
        for key, value in config.items():
            if value is None:
                files["tokenizer_config.json"].pop(key, None)
            else:
                files["tokenizer_config.json"][key] = None if value is NULL else value
        return files

    CASES[name] = build


def edited(name, edit, **config):
    """The plain files with another tokenizer.json."""

    def build():
        files = plain()
        edit(files["tokenizer.json"])
        for key, value in config.items():
            if value is None:
                files["tokenizer_config.json"].pop(key, None)
            else:
                files["tokenizer_config.json"][key] = value
        return files

    CASES[name] = build


NULL = object()
CASED = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": False, "lowercase": False}


def at(*path):
    """An edit that sets what lies at a path of keys."""

    def edit(document):
        *folders, name, value = path
        for folder in folders:
            document = document[folder]
        document[name] = value

    return edit


def append(token):
    return lambda document: document["added_tokens"].append(token)


def byte_level(document, prefix=False):
    import tokenizers

    texts = TEXTS + [text for pair in PAIRS for text in pair]
    bpe = tokenizers.ByteLevelBPETokenizer(add_prefix_space=prefix)
    bpe.train_from_iterator(texts, vocab_size=300, min_frequency=2, special_tokens=SPECIAL, show_progress=False)
    document.update(json.loads(bpe._tokenizer.to_str()) | {"truncation": None, "padding": None})
    document["post_processor"] = template([2, "A0", 3], [2, "A0", 3, 3, "B0", 3])


def byte_level_with_prefix(document):
    byte_level(document, prefix=True)


def roberta(prefix):
    def edit(document):
        byte_level(document, prefix)
        document["post_processor"] = {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": True, "add_prefix_space": prefix}

    names = {"bos": "[CLS]", "eos": "[SEP]", "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]", "mask": "[MASK]"}
    return edit, {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": prefix} | {f"{name}_token": token for name, token in names.items()}


def unigram(scheme):
    """A vocabulary of pieces with scores, as SentencePiece trains them; `scheme` says which words get a space before."""

    def edit(document):
        words = ["▁" + word for word in WORDS] + WORDS + ["▁"]
        pieces = list(dict.fromkeys(SPECIAL + words + LETTERS + OTHERS))
        document["model"] = {"type": "Unigram", "unk_id": 1, "vocab": [[piece, -1.0 - at / 16] for at, piece in enumerate(pieces)], "byte_fallback": False}
        document["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}
        document["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": True}
        document["decoder"] = document["pre_tokenizer"]

    return edit


def unigram_of_an_old_version(document):
    unigram("always")(document)
    document["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True}


variant("plain")
variant("cased_config_over_uncased_file", do_lower_case=False)
edited("uncased_config_over_cased_file", at("normalizer", CASED))
edited("no_word_on_case_over_cased_file", at("normalizer", CASED), do_lower_case=None)
variant("accents_stripped", do_lower_case=False, strip_accents=True)
variant("accents_kept", strip_accents=False)
variant("accents_null", strip_accents=NULL)
variant("case_null", do_lower_case=NULL)
variant("chinese_characters_whole", tokenize_chinese_chars=False)
variant("truncated_on_the_left", truncation_side="left")
edited("truncation_of_the_file", at("truncation", {"direction": "Left", "max_length": 8, "strategy": "OnlyFirst", "stride": 2}))
edited("padding_of_the_file", at("padding", {"strategy": {"Fixed": 40}, "direction": "Left", "pad_to_multiple_of": 8, "pad_id": 0, "pad_type_id": 1, "pad_token": "[PAD]"}))
variant("padded_on_the_left", padding_side="left")
variant("short", model_max_length=7)
variant("shorter_than_its_special_tokens", model_max_length=2)
variant("no_length", model_max_length=None)
variant("huge_length", model_max_length=1000000000000000019884624838656)
variant("old_name_of_the_length", model_max_length=None, max_len=9)
variant("added_only_in_the_config", added_tokens_decoder={
    **{str(place): {key: value for key, value in added(token, place).items() if key != "id"} for place, token in enumerate(SPECIAL)},
    str(len(vocabulary())): {key: value for key, value in added("<ent>", 0, special=False).items() if key != "id"},
    str(len(vocabulary()) + 1): {key: value for key, value in added("<new>", 0, lstrip=True, rstrip=True).items() if key != "id"},
})  # fmt: skip
variant("added_word_of_the_vocabulary", added_tokens_decoder={"13": {"content": "cat", "single_word": True, "lstrip": False, "rstrip": False, "normalized": True, "special": False}})
variant("added_out_of_order", added_tokens_decoder={"900": {"content": "<ent>", "special": True}, "800": {"content": "<new>", "special": False, "normalized": False}})
variant("additional_special_tokens", additional_special_tokens=["<ent>", "<|user|>", "[NEW]"])
variant("extra_special_tokens", extra_special_tokens={"user_token": "<|user|>", "ent_token": "<ent>"})
variant("a_token_of_its_own", ent_token="<ent>")
variant("other_special_tokens", cls_token="hello", sep_token="[NEW]", unk_token="bad", bos_token="<ent>")
variant("special_token_as_object", mask_token={"__type": "AddedToken", "content": "[MASK]", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False})
variant("special_tokens_are_split", split_special_tokens=True)
variant("inputs_without_segments", model_input_names=["input_ids", "attention_mask"])
variant("generic_class", tokenizer_class="PreTrainedTokenizerFast")
variant("generic_class_of_5", tokenizer_class="TokenizersBackend")
variant("generic_slow_class", tokenizer_class="PreTrainedTokenizer")
variant("generic_class_with_segments", tokenizer_class="PreTrainedTokenizerFast", model_input_names=["input_ids", "token_type_ids", "attention_mask"])
edited("generic_class_cased_file", at("normalizer", CASED), tokenizer_class="PreTrainedTokenizerFast")
edited("generic_class_without_a_template", at("post_processor", None), tokenizer_class="PreTrainedTokenizerFast")
edited("generic_class_byte_level", byte_level, tokenizer_class="PreTrainedTokenizerFast")
edited("generic_class_byte_level_with_prefix", byte_level_with_prefix, tokenizer_class="PreTrainedTokenizerFast", add_prefix_space=True)
edited("generic_class_byte_level_with_prefix_in_the_file", byte_level_with_prefix, tokenizer_class="PreTrainedTokenizerFast")
edited("generic_class_unigram", unigram("always"), tokenizer_class="PreTrainedTokenizerFast")
edited("generic_class_unigram_first", unigram("first"), tokenizer_class="PreTrainedTokenizerFast")
edited("generic_class_unigram_never", unigram("never"), tokenizer_class="PreTrainedTokenizerFast", truncation_side="left")
edited("generic_class_unigram_of_an_old_version", unigram_of_an_old_version, tokenizer_class="PreTrainedTokenizerFast")
for prefix in (True, False):
    edit, config = roberta(prefix)
    edited(f"class_of_roberta{'_with_prefix' if prefix else ''}", edit, **config)
edited("generic_class_more_tokens", append(added("<ent>", 400, special=False)), tokenizer_class="PreTrainedTokenizerFast", additional_special_tokens=["<|user|>"])
variant("class_of_distilbert", tokenizer_class="DistilBertTokenizer", do_lower_case=False)
variant("class_of_electra", tokenizer_class="ElectraTokenizerFast", do_lower_case=False)
variant("class_of_mobilebert", tokenizer_class="MobileBertTokenizer")
variant("unknown_class", tokenizer_class="FancyTokenizer", do_lower_case=False)
variant("custom_code", auto_map={"AutoTokenizer": ["fancy.FancyTokenizer", None]})
edited("template_of_roberta", at("post_processor", template([2, "A0", 3], [2, "A0", 3, 3, "B0", 3])))
edited("no_template", at("post_processor", None))
edited("template_by_bert_processing", at("post_processor", {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}))
edited("other_prefix", at("model", "continuing_subword_prefix", "@@"))
edited("short_words", at("model", "max_input_chars_per_word", 4))
edited("text_not_cleaned", at("normalizer", "clean_text", False))
edited("normalizer_in_steps", at("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}))
edited("no_normalizer", at("normalizer", None))
edited("split_at_whitespace", at("pre_tokenizer", {"type": "WhitespaceSplit"}))
edited("more_tokens_in_the_file", append(added("<ent>", 400, special=False)))
edited("fewer_special_tokens_in_the_file", lambda document: document.update(added_tokens=document["added_tokens"][:4]))
edited("file_of_an_old_version", lambda document: document["model"].pop("type"))


@case
def no_config():
    files = plain()
    del files["tokenizer_config.json"]
    return files


@case
def no_config_cased_file():
    files = plain()
    files["tokenizer.json"]["normalizer"] = CASED
    del files["tokenizer_config.json"]
    return files


@case
def class_in_the_models_config():
    files = plain()
    del files["tokenizer_config.json"]["tokenizer_class"]
    return files | {"config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}


@case
def map_of_special_tokens():
    files = plain()
    token = {"content": "[MASK]", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False}
    return files | {"special_tokens_map.json": {"cls_token": "[NEW]", "mask_token": token, "additional_special_tokens": ["<ent>"]}}


@case
def map_beside_added_tokens():
    files = CASES["added_only_in_the_config"]()
    return files | {"special_tokens_map.json": {"cls_token": "[NEW]"}}


@case
def added_tokens_file():
    files = plain()
    return files | {"added_tokens.json": {"<ent>": len(vocabulary()), "<new>": len(vocabulary()) + 1}}


@case
def vocabulary_alone():
    return vocab_txt()


@case
def vocabulary_cased():
    return vocab_txt(do_lower_case=False, tokenizer_class="BertTokenizer")


@case
def vocabulary_without_basic_tokenizer():
    return vocab_txt(do_basic_tokenize=False)


@case
def vocabulary_with_added_tokens():
    return vocab_txt(model_max_length=20) | {"added_tokens.json": {"<ent>": len(vocabulary())}, "special_tokens_map.json": {"sep_token": "[NEW]"}}


@case
def vocabulary_in_windows_lines():
    return {"vocab.txt": "\r\n".join(vocabulary()) + "\r\n"}


@case
def vocabulary_without_a_last_newline():
    return {"vocab.txt": "\n".join(vocabulary())}


@case
def vocabulary_with_repetitions():
    return {"vocab.txt": "\n".join([*vocabulary(), "cat", "", "trailing ", "dog"]) + "\n"}


@case
def vocabulary_of_a_generic_class():
    return vocab_txt(tokenizer_class="PreTrainedTokenizerFast")


@case
def vocabulary_that_differs_from_the_file():
    files = plain()
    return files | {"vocab.txt": "\n".join(reversed(vocabulary())) + "\n"}


@case
def vocabulary_without_mask():
    tokens = [token for token in vocabulary() if token != "[MASK]"]
    return {"vocab.txt": "\n".join(tokens) + "\n"}


MODEL = {
    "model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 500, "hidden_size": 8,
    "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": POSITIONS,
}  # fmt: skip


def write(files, folder):
    config = MODEL | files.get("config.json", {})
    for name, content in (files | {"config.json": config}).items():
        text = content if isinstance(content, str) else json.dumps(content)
        # Line ends are part of a case.
        (folder / name).write_bytes(text.encode())


def encodings(folder):
    """What the tokenizer of a folder gives for the texts and pairs, and for the lists of words."""
    from transformers import AutoTokenizer

    def given(rows):
        try:
            return [encoding(*row) for row in rows]
        except Exception as reason:
            return {"error": type(reason).__name__}

    def encoding(text, pair=None):
        split = isinstance(text, list)
        cut = {"truncation": True, "max_length": min(tokenizer.model_max_length, POSITIONS)}
        one = tokenizer(text, pair, is_split_into_words=split, **cut)
        ids = one["input_ids"]
        segments = one.get("token_type_ids", [0] * len(ids))
        assert not (split and any(segments))
        return [ids, one.word_ids() if split else segments]

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as reason:
        return {"error": type(reason).__name__}, None
    return given([(text,) for text in TEXTS] + PAIRS), given([(words,) for words in LISTS])


def main():
    if sys.argv[1:] == ["join"]:
        majors = {major: json.loads((HERE / f"major-{major}.json").read_text()) for major in "45"}
        cases = {}
        for name, build in CASES.items():
            (four, four_words), (five, five_words) = majors["4"][name], majors["5"][name]
            found = {"five": five, "four": four, "five_words": five_words, "four_words": four_words}
            for kind in ("", "_words"):
                if found["four" + kind] == found["five" + kind]:
                    del found["four" + kind]
            cases[name] = {"files": compact(build())} | found
        document = {"plain": plain(), "texts": TEXTS, "pairs": PAIRS, "lists": LISTS, "cases": cases}
        (HERE / "goldens.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
        return
    import transformers

    transformers.logging.set_verbosity_error()
    assert transformers.__version__.split(".")[0] == sys.argv[1], transformers.__version__
    results = {}
    for name, build in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(copy.deepcopy(build()), Path(folder))
            results[name] = encodings(folder)
    (HERE / f"major-{sys.argv[1]}.json").write_text(json.dumps(results))


def compact(files):
    """`tokenizer.json` as its difference from the plain one."""
    whole = plain()["tokenizer.json"]
    if "tokenizer.json" not in files:
        return files
    other = files["tokenizer.json"]
    return files | {"tokenizer.json": {key: value for key, value in other.items() if whole[key] != value}}


if __name__ == "__main__":
    main()
