# The pod image for hosts that are not Linux (name it in lab.toml: [docker] image = "cloudforet-lab").
# On Linux the lab makes its image from its own binary and needs no Dockerfile.
#
#   docker build -t cloudforet-lab .
FROM rust:1-slim AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked

FROM debian:stable-slim
COPY --from=build /src/target/release/lab /lab
# No entrypoint: pods are started as `/lab pod`, the node as `/lab node`.
CMD ["/lab", "--help"]
