"""Sign-in and account addresses; hung at the root."""

from django.urls import path

from people import account, password_view, views

app_name = "people"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/demo/", views.demo, name="demo_sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("password/", password_view.set_password, name="set_password"),
    path("password/<str:token>/", password_view.exchange, name="password_link"),
    path("account/", account.account, name="account"),
    path("account/confirm/", views.confirm, name="confirm"),
    path("account/preferences/", account.preferences, name="preferences"),
    path("account/password/", account.password, name="password"),
    path("account/sessions/", account.end_session, name="sessions"),
    path("account/tokens/", account.my_tokens, name="tokens"),
    path("account/tokens/revoked/", account.revoke_token, name="revoke_token"),
]
