"""Tests mirror the sources: sdk, engine, app; e2e drives the real processes; guards watch over them all."""
