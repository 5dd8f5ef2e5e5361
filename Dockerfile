# A small image of the server alone: no shell, no packages, not root. The tests check this file and do not build it: see
# docs/operations.md.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=""
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=$VERSION" -o /out/chattok . \
 && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/chattok /chattok
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
# A container serves on its own address; the network decides who can reach it.
ENV CHATTOK_ADDR=:8080 CHATTOK_LOG_FORMAT=json
EXPOSE 8080
# The server closes its sockets one after the other, and exits within 10 s: docker stop --time 15.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/chattok", "healthcheck"]
ENTRYPOINT ["/chattok"]
