"""OpenTelemetry traces, when they are configured: one from the request that makes a video to its end, across processes.

spans    where the running task is in a trace, and the plain functions that tell what ended
otlp     the exporter; the one module that imports OpenTelemetry, and only once it is switched on
"""
