"""A Flask application with OpenTelemetry's own SDK; prints the trace id of each request it serves."""

import sys

from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor

app = Flask("shop")
FlaskInstrumentor().instrument_app(app)


@app.get("/cart/<number>")
def cart(number):
    with trace.get_tracer("shop").start_as_current_span("load cart") as span:
        span.set_attribute("cart.number", int(number))
        span.set_attribute("cart.items", ["book", "pen"])
        span.add_event("loaded", {"items": 2})
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}"


if __name__ == "__main__":
    client = app.test_client()
    for number in range(int(sys.argv[1])):
        print(client.get(f"/cart/{number}").text)
    trace.get_tracer_provider().shutdown()
