"""One page: the orders of a customer, whose lines and names the template asks for one by one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from shop_django.shop import latest


def orders(request: HttpRequest, customer: int) -> HttpResponse:
    return render(request, "shop_django/orders.html", {"orders": latest(customer)[:5]})


urlpatterns = [path("orders/<int:customer>", orders)]
