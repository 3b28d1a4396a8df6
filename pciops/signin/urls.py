"""Where operators sign in and out."""

from __future__ import annotations

from django.urls import path

from pciops.signin import scope, views

urlpatterns = [
    path("signin/", views.signin, name="signin"),
    path("signin/code/", views.code, name="signin_code"),
    path("signin/password/", views.password, name="signin_password"),
    path("signout/", views.signout, name="signout"),
    path("scope/", scope.change_scope, name="scope"),
]
