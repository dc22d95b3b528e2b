//! kube_proxy and dns inside the pod network, fed over stdin and heard over stdout.
