"""Prefect flows, one thin module each."""
