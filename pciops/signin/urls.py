"""The routes of the sign-in pages."""

from __future__ import annotations

from django.urls import path

from pciops.signin import views

urlpatterns = [
    path("signin/", views.signin, name="signin"),
    path("signin/code/", views.code, name="signin_code"),
    path("signin/password/", views.password, name="signin_password"),
    path("signout/", views.signout, name="signout"),
    path("scope/", views.change_scope, name="scope"),
]
