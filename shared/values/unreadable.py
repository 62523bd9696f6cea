"""What is raised when a text does not say what it should: a plain sentence, without the text itself."""


class Unreadable(ValueError):
    """A text does not say what it should; the message is one sentence for the person who sent it."""


class Ambiguous(Unreadable):
    """A text has two readings; an option or the rest of the column decides."""


class NaiveTime(Ambiguous):
    """A time carries no zone, and none was given for it."""
