//! The options of UDP sockets.
#![forbid(unsafe_code)]

use super::common::internet;
use super::udp::UdpSocket;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A pair of methods that set an option and read it.
macro_rules! option {
    (
        $(#[$doc:meta])* $set:ident, $get:ident: $type:ty = $example:literal at $address:literal,
        $socket_set:ident, $socket_get:ident
    ) => {
        impl UdpSocket {
            $(#[$doc])*
            ///
            /// # Errors
            /// Those of the system; or if the socket is closed.
            ///
            /// # Examples
            /// ```
            /// # fn main() -> std::io::Result<()> {
            #[doc = concat!("let Ok(socket) = sudog::net::UdpSocket::bind(\"", $address, "\") else {")]
            ///     return Ok(()); // there is no such network here
            /// };
            #[doc = concat!("socket.", stringify!($set), "(", $example, ")?;")]
            #[doc = concat!("assert_eq!(socket.", stringify!($get), "()?, ", $example, ");")]
            /// # Ok(())
            /// # }
            /// ```
            pub fn $set(&self, value: $type) -> io::Result<()> {
                self.fd.at_once(|socket| socket.$socket_set(value))
            }

            #[doc = concat!("Returns what [`", stringify!($set), "`](Self::", stringify!($set), ") sets.")]
            ///
            /// # Errors
            /// Those of the system; or if the socket is closed.
            ///
            /// # Examples
            #[doc = concat!("See [`", stringify!($set), "`](Self::", stringify!($set), ").")]
            pub fn $get(&self) -> io::Result<$type> {
                self.fd.at_once(|socket| socket.$socket_get())
            }
        }
    };
}

option!(
    /// Says whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`).
    set_broadcast, broadcast: bool = "true" at "127.0.0.1:0", set_broadcast, broadcast
);
option!(
    /// Sets how many routers a datagram may pass (`IP_TTL`).
    set_ttl, ttl: u32 = "42" at "127.0.0.1:0", set_ttl_v4, ttl_v4
);
option!(
    /// Says whether what is sent to a group comes back to this machine (`IP_MULTICAST_LOOP`).
    set_multicast_loop_v4, multicast_loop_v4: bool = "false" at "127.0.0.1:0",
    set_multicast_loop_v4, multicast_loop_v4
);
option!(
    /// Sets how many routers a datagram to a group may pass (`IP_MULTICAST_TTL`).
    set_multicast_ttl_v4, multicast_ttl_v4: u32 = "3" at "127.0.0.1:0",
    set_multicast_ttl_v4, multicast_ttl_v4
);
option!(
    /// Says whether what is sent to a group comes back to this machine (`IPV6_MULTICAST_LOOP`).
    set_multicast_loop_v6, multicast_loop_v6: bool = "false" at "[::1]:0",
    set_multicast_loop_v6, multicast_loop_v6
);

impl UdpSocket {
    /// Returns the address of this socket.
    ///
    /// # Errors
    /// If the socket is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let socket = sudog::net::UdpSocket::bind("127.0.0.1:0")?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd
            .at_once(|socket| socket.local_addr())
            .and_then(internet)
    }

    /// Returns the address that [`connect`](Self::connect) has set.
    ///
    /// # Errors
    /// `NotConnected` before that; or if the socket is closed.
    ///
    /// # Examples
    /// See [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.fd
            .at_once(|socket| socket.peer_addr())
            .and_then(internet)
    }

    /// Receives, from now on, what is sent to a group of IPv4 at this interface.
    ///
    /// # Errors
    /// `InvalidInput` if the address is not that of a group; others of the system; or if the socket is
    /// closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let Ok(socket) = UdpSocket::bind("0.0.0.0:0") else {
    ///     return Ok(()); // there is no such network here
    /// };
    /// let group = "224.0.0.123".parse().unwrap();
    /// match socket.join_multicast_v4(&group, &[0, 0, 0, 0].into()) {
    ///     Ok(()) => socket.leave_multicast_v4(&group, &[0, 0, 0, 0].into())?,
    ///     Err(error) => println!("no groups here: {error}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.fd
            .at_once(|socket| socket.join_multicast_v4(group, interface))
    }

    /// Receives no more of what is sent to the group.
    ///
    /// # Errors
    /// If it was not joined; others of the system; or if the socket is closed.
    ///
    /// # Examples
    /// See [`join_multicast_v4`](Self::join_multicast_v4).
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.fd
            .at_once(|socket| socket.leave_multicast_v4(group, interface))
    }

    /// Receives, from now on, what is sent to a group of IPv6 at this interface.
    ///
    /// # Errors
    /// `InvalidInput` if the address is not that of a group; others of the system; or if the socket is
    /// closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let Ok(socket) = UdpSocket::bind("[::]:0") else {
    ///     return Ok(()); // there is no such network here
    /// };
    /// let group = "ff02::123".parse().unwrap();
    /// match socket.join_multicast_v6(&group, 0) {
    ///     Ok(()) => socket.leave_multicast_v6(&group, 0)?,
    ///     Err(error) => println!("no groups here: {error}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.fd
            .at_once(|socket| socket.join_multicast_v6(group, interface))
    }

    /// Receives no more of what is sent to the group.
    ///
    /// # Errors
    /// If it was not joined; others of the system; or if the socket is closed.
    ///
    /// # Examples
    /// See [`join_multicast_v6`](Self::join_multicast_v6).
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.fd
            .at_once(|socket| socket.leave_multicast_v6(group, interface))
    }
}
