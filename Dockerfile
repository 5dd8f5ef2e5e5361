# A small image of nothing but the server: no shell, no packages, not root. Checked, not run: see docs/operations.md.
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
# In a container others reach the server at its own address; what may reach that is for the network to say.
ENV CHATTOK_ADDR=:8080 CHATTOK_LOG_FORMAT=json
EXPOSE 8080
# It ends its sockets one after the other, and is done within 10 s: docker stop --time 15.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/chattok", "healthcheck"]
ENTRYPOINT ["/chattok"]
