// An Express application with OpenTelemetry's own SDK; prints the trace id of each request it serves.
const { NodeSDK } = require("@opentelemetry/sdk-node");
const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
const { ExpressInstrumentation } = require("@opentelemetry/instrumentation-express");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");

const sdk = new NodeSDK({
  serviceName: "shop",
  autoDetectResources: false,
  traceExporter: new OTLPTraceExporter(),
  instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()],
});
sdk.start();

const http = require("http");
const express = require("express");
const { trace } = require("@opentelemetry/api");

const app = express();
app.get("/cart/:number", (request, response) => {
  response.send(trace.getActiveSpan().spanContext().traceId);
});

const get = (port, number) =>
  new Promise((resolve, reject) => {
    http
      .get({ port, path: `/cart/${number}` }, (response) => {
        let body = "";
        response.on("data", (part) => (body += part));
        response.on("end", () => resolve(body));
      })
      .on("error", reject);
  });

const server = app.listen(0, async () => {
  for (let number = 0; number < Number(process.argv[2]); number++) {
    console.log(await get(server.address().port, number));
  }
  server.close();
  await sdk.shutdown();
});
