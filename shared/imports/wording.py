"""What reading a file says, for who has a form or a call and no command line: options by their names in words."""

import re
from typing import Final

_INSTEAD: Final = (
    (r'; say (?:--map "X=\w+"\s*)+', "; say which column it is"),
    (r' unless --map "[^"]*" names it', " unless you say what it is"),
    (r"--map gives (\w+) to two columns", r"Two columns are to be \1"),
    (r"--map names a column twice", "A column is named twice"),
    (r"--map: there is no column", "There is no column"),
    (r"--set: ", ""),
    (r"; --sheet chooses another: ", "; others can be chosen: "),
    (r"say --date-order dmy or mdy", "say the order of day and month (dmy or mdy)"),
    (r"say --decimal point or --decimal comma", "say what begins decimals (point or comma)"),
    (r"say --timezone (\S+?)(?=[);,. ]|$)", r"say the time zone, such as \1"),
    (r"--timezone: give an", "Give an"),
    (r"--date-order: give", "Order of day and month: give"),
    (r"--decimal: give", "Decimals: give"),
    (r"--encoding: ", "Encoding: "),
    (r"--delimiter: ", "Separator: "),
    (r"say --encoding", "say the encoding"),
)


def in_words(sentence: str) -> str:
    """Take the options of the command line out of a sentence.

    >>> in_words('leads.csv has no column id; found: Email; say --map "X=id".')
    'leads.csv has no column id; found: Email; say which column it is.'
    >>> in_words("Born: a time without a zone; left out (say --timezone Europe/Berlin) (line 3).")
    'Born: a time without a zone; left out (say the time zone, such as Europe/Berlin) (line 3).'
    """
    for pattern, instead in _INSTEAD:
        sentence = re.sub(pattern, instead, sentence)
    return sentence
