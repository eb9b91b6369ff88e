"""For all tests: property tests judge what comes out, not how busy the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("ccflare", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ccflare")
