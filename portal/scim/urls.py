"""Where an identity provider is pointed to: /scim/v2."""

from django.urls import path

from portal.scim import views

urlpatterns = [
    path("ServiceProviderConfig", views.Configuration.as_view(), name="scim-configuration"),
    path("ResourceTypes", views.ResourceTypes.as_view(), name="scim-resource-types"),
    path("ResourceTypes/<str:name>", views.ResourceTypes.as_view(), name="scim-resource-type"),
    path("Schemas", views.Schemas.as_view(), name="scim-schemas"),
    path("Schemas/<str:name>", views.Schemas.as_view(), name="scim-schema"),
    path("Users", views.Users.as_view(), name="scim-users"),
    path("Users/<uuid:pk>", views.OneUser.as_view(), name="scim-user"),
    path("Groups", views.Groups.as_view(), name="scim-groups"),
    path("Groups/<uuid:pk>", views.OneGroup.as_view(), name="scim-group"),
]
