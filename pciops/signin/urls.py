"""Where operators sign in and out."""

from __future__ import annotations

from django.urls import path

from pciops.signin import scope, views

urlpatterns = [
    path("signin/", views.signin, name="signin"),
    path("signout/", views.signout, name="signout"),
    path("scope/", scope.change_scope, name="scope"),
]
