//! ClusterIPs: one draw for each TCP connection, then bytes both ways.
