"""Chores of the register: thin doors over verbs."""

from celery import shared_task

from usecases.actions import data_renewals


@shared_task(name="usecases.follow_data_approvals")
def follow_data_approvals() -> None:
    """What ends by the calendar: people are told ahead, facts follow afterwards."""
    data_renewals.follow_data_approvals()
