"""The PostgreSQL manual in, sentences with the markup of each word out.

Input: the HTML folder of the Debian package `postgresql-doc-15`. The authors of the manual mark commands, file names,
types and so on. DocBook keeps each mark in HTML as the class of an element: `<code class="filename">`.
Output: rows of words and BIO tags. The words depend on the text alone, so the way it is cut does not give a mark away.
"""

import json
import re
from collections import defaultdict
from html.parser import HTMLParser
from typing import NamedTuple

from descriptions import wording

# Element of DocBook -> label. The authors choose between the elements under `code` in different ways.
LABEL_OF_ELEMENT = {
    "command": "command",
    "envar": "code", "literal": "code", "parameter": "code", "replaceable": "code", "structfield": "code",
    "symbol": "code", "token": "code", "varname": "code",
    "filename": "file",
    "function": "function",
    "option": "option",
    "application": "product", "productname": "product",
    "structname": "relation",
    "type": "type",
}
TAGS = ["O", *(f"{prefix}-{label}" for label in sorted(set(LABEL_OF_ELEMENT.values())) for prefix in "BI")]

# Sentences with these elements are not used: signatures, values of examples, rare elements, names of authors.
UNUSED_ELEMENTS = {
    "author", "column_definition", "computeroutput", "email", "firstname", "func_signature", "glossterm",
    "returnvalue", "surname", "systemitem", "userinput",
}
# Lists of names, of changes and of other pages, and the license.
UNUSED_PAGES = re.compile(r"acknowledgments|acronyms|biblio|bookindex|glossary|index|legalnotice|release.*")
WORDS = range(4, 33)
OPENING, CLOSING = "([{\"'“", ")]}\"'”.,:;!?"


class Row(NamedTuple):
    tokens: list[str]
    ner_tags: list[str]
    family: str

    @property
    def text(self):
        return " ".join(self.tokens)


class Letter(NamedTuple):
    text: str
    mark: tuple[int, str] | None  # number of the element in its page, and its label
    used: bool


class Paragraphs(HTMLParser):
    """The paragraphs of a page, each as a list of letters."""

    VOID = {"br", "col", "hr", "img", "link", "meta"}
    BLOCK = {"blockquote", "body", "dd", "div", "dl", "dt", "li", "ol", "p", "pre", "table", "td", "th", "tr", "ul"}

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.letters, self.found, self.elements = [], None, [], 0
        self.feed(page)
        self.close()

    def end_paragraph(self):
        if self.letters:
            self.found.append(self.letters)
        self.letters = None

    def handle_starttag(self, tag, attributes):
        if tag in self.VOID:
            return
        if tag in self.BLOCK:
            self.end_paragraph()
        if tag == "p":
            self.letters = []
        self.elements += 1
        self.open.append((tag, dict(attributes).get("class") or "", self.elements))

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if tag in self.BLOCK:
            self.end_paragraph()
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.letters is None:
            return
        marks = [(at, LABEL_OF_ELEMENT[name]) for _, name, at in self.open if name in LABEL_OF_ELEMENT]
        used = not any(name in UNUSED_ELEMENTS for _, name, _ in self.open)
        # The outer element counts: a placeholder within a command is part of the command.
        self.letters += [Letter(letter, marks[0] if marks else None, used) for letter in data]


def sentences(letters):
    """Cuts after a full stop, a question mark or a colon before a capital, but not within an element."""
    text = "".join(letter.text for letter in letters)
    start = 0
    for gap in re.finditer(r"(?<=[.!?:])\s+(?=[A-Z(])", text):
        if letters[gap.start()].mark is None:
            yield letters[start : gap.start()]
            start = gap.end()
    yield letters[start:]


def words(text):
    """Start and end of each word. Punctuation around a word is a word of its own, except the brackets of `now()`."""
    for match in re.finditer(r"\S+", text):
        start, end = match.span()
        if not any(map(str.isalnum, match.group())):
            yield start, end
            continue
        while text[start] in OPENING:
            yield start, start + 1
            start += 1
        after = []
        while text[end - 1] in CLOSING:
            bracket = ")]}".find(text[end - 1])
            inside = text[start:end]
            if bracket >= 0 and inside.count("([{"[bracket]) >= inside.count(")]}"[bracket]):
                break
            after.append((end - 1, end))
            end -= 1
        yield start, end
        yield from reversed(after)


def tagged(letters):
    """The words of a sentence, and the tag of each: the mark that covers most of its letters."""
    tokens, tags, previous = [], [], None
    text = "".join(letter.text for letter in letters)
    for start, end in words(text):
        marks = [letter.mark for letter in letters[start:end]]
        mark = max(set(marks), key=lambda mark: (marks.count(mark), mark is None))
        tokens.append(text[start:end])
        tags.append("O" if mark is None else f"{'I' if mark == previous else 'B'}-{mark[1]}")
        previous = mark
    return tokens, tags


def family(page):
    """The page, or the object of a statement: `sql-createtable` and `sql-altertable` are one family."""
    return re.sub(r"^sql-(create|alter|drop)", "sql-", page)


def pattern(row):
    """What two sentences share when they differ only in the marked names."""
    named = zip(row.tokens, row.ner_tags)
    return wording(" ".join(token if tag == "O" else tag[2:] for token, tag in named if tag[0] != "I"))


def distinct_rows(folder):
    """One row a pattern in the whole manual. A wording that is marked in two ways is dropped."""
    by_wording = defaultdict(list)
    for path in sorted(folder.glob("*.html")):
        if UNUSED_PAGES.fullmatch(path.stem):
            continue
        for letters in Paragraphs(path.read_text(encoding="utf-8")).found:
            for sentence in sentences(letters):
                tokens, tags = tagged(sentence)
                if all(letter.used for letter in sentence) and len(tokens) in WORDS:
                    row = Row(tokens, tags, family(path.stem))
                    by_wording[wording(row.text)].append(row)
    by_pattern = {}
    for rows in by_wording.values():
        if all(row.ner_tags == rows[0].ner_tags for row in rows):
            by_pattern.setdefault(pattern(rows[0]), rows[0])
    return list(by_pattern.values())


def write_jsonl(path, rows):
    lines = [json.dumps({"tokens": row.tokens, "ner_tags": row.ner_tags}, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
