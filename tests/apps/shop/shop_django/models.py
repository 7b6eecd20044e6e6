"""The shop's tables as Django maps them. ``schema.sql`` makes them."""

from __future__ import annotations

from django.db import models


class Customer(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.TextField()

    class Meta:
        managed = False
        db_table = "customers"


class Product(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.TextField()
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        managed = False
        db_table = "products"


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.DO_NOTHING, related_name="orders")
    paid_by = models.IntegerField()
    status = models.TextField()
    placed_at = models.DateTimeField()
    total = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        managed = False
        db_table = "orders"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.DO_NOTHING, related_name="lines")
    product = models.ForeignKey(Product, models.DO_NOTHING, related_name="+")
    quantity = models.IntegerField()
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        managed = False
        db_table = "order_lines"
