"""The pages of this floor."""

from django.urls import URLPattern

app_name = "usecases"
urlpatterns: list[URLPattern] = []
