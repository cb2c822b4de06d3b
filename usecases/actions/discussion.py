"""Talking about a use case: who sees it may take part, and is told when somebody mentions them."""

from portal.actions import comments
from portal.actors import Actor
from portal.models import Comment
from usecases.models import UseCase
from usecases.querysets import people_who_see


def thread_of(use_case: UseCase) -> comments.Thing:
    return comments.Thing(use_case.reference, f"{use_case.get_absolute_url()}discussion/", use_case.pk)


def comment_on(*, actor: Actor, use_case: UseCase, text: str) -> comments.Said:
    """Say it; those mentioned are told if they may see the use case. The caller has fetched it as the actor.

    Raises Refused; ValidationError.
    """
    names = comments.mentioned(text)
    # Sign-in names are few and bounded; their case does not matter.
    seers = [one for one in people_who_see(use_case) if one.username.lower() in names] if names else []
    return comments.write_comment(actor=actor, about=thread_of(use_case), text=text, audience=seers)


def edit_comment(*, actor: Actor, use_case: UseCase, comment: Comment, text: str) -> Comment:
    """Raises Refused; ValidationError."""
    return comments.edit_comment(actor=actor, about=thread_of(use_case), comment=comment, text=text)


def withdraw_comment(*, actor: Actor, use_case: UseCase, comment: Comment) -> Comment:
    """Raises Refused."""
    return comments.withdraw_comment(actor=actor, about=thread_of(use_case), comment=comment)
