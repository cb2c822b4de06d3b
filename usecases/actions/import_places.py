"""Their words for people and units, matched to ours by hand: what a person names, and what the rows will be given."""

from collections import Counter
from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from portal.models import BusinessUnit, User
from usecases.importing.rows import Said
from usecases.importing.words import MOST_PLACES, PLACES, place_key

Words = Mapping[str, Mapping[str, str]]


def matched(name: str, theirs: Mapping[str, str]) -> dict[str, str]:
    """Their word by its key → a sign-in name or a unit's name, as we write it. Raises ValidationError."""
    ours = {text.strip() for text in theirs.values() if text.strip()}
    known = _people(ours) if name == "owner" else _units(ours)
    wrong = sorted(text for text in ours if text.casefold() not in known)
    if wrong:
        if name == "owner":
            told = _("Nobody here signs in as “%(word)s”. Choose a sign-in name of somebody whose account is on.")
        else:
            told = _("“%(word)s” is no business unit here that is alone with its name. Choose one of the list.")
        raise ValidationError({"words": [told % {"word": word[:80]} for word in wrong[:5]]})
    return {place_key(word): known.get(text.strip().casefold(), "") for word, text in theirs.items()}


def _people(names: set[str]) -> dict[str, str]:
    wanted = [name.casefold() for name in names]
    people = User.objects.filter(is_active=True, username__in=[*names, *wanted])
    return {username.casefold(): username for username in people.values_list("username", flat=True)}


def _units(names: set[str]) -> dict[str, str]:
    found = list(BusinessUnit.objects.filter(name__in=names).values_list("name", flat=True))
    often = Counter(name.casefold() for name in found)
    return {name.casefold(): name for name in found if often[name.casefold()] == 1}


def place_words(rows: Iterable[Said], found: Mapping[str, Mapping[str, str]], words: Words) -> list[dict[str, object]]:
    """The most frequent words that name people and units, those that lead nowhere first; what goes beyond is counted.

    `found`: field → word in lower case → our name for it, where it is known without help.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in PLACES}
    for said in rows:
        for name in PLACES:
            if word := said.text(name):
                counts[name][word] += 1
    listed: list[dict[str, object]] = []
    for name in PLACES:
        entries = [_entry(name, word, often, found, words) for word, often in counts[name].items()]
        entries.sort(key=lambda entry: (entry["state"] == "", -int(str(entry["count"])), str(entry["word"])))
        listed += entries[:MOST_PLACES]
        rest = entries[MOST_PLACES:]
        if rest:
            rows_beyond = sum(int(str(entry["count"])) for entry in rest)
            listed.append({"field": name, "word": "", "ours": "", "state": "beyond", "count": rows_beyond,
                           "words": len(rest)})  # fmt: skip
    return listed


def _entry(name: str, word: str, often: int, found: Words, words: Words) -> dict[str, object]:
    ours = words.get(name, {}).get(place_key(word)) or found.get(name, {}).get(word.casefold(), "")
    return {"field": name, "word": word[:200], "ours": ours, "state": "" if ours else "unrecognised", "count": often}
