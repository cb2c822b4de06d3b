"""Team roles on one use case: guardian object permissions in direct-foreign-key tables."""

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from portal.history import tracked
from usecases.models.use_case import UseCase


@tracked(parent="content_object")
class UseCaseUserPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(UseCase, on_delete=models.CASCADE, related_name="team")

    class Meta(UserObjectPermissionBase.Meta):
        db_table = "use_case_user_permission"
        indexes = [models.Index(fields=["user", "content_object"], name="use_case_team_of_user")]


@tracked(parent="content_object")
class UseCaseGroupPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(UseCase, on_delete=models.CASCADE, related_name="team_groups")

    class Meta(GroupObjectPermissionBase.Meta):
        db_table = "use_case_group_permission"
