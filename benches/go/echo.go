package main

import (
	"fmt"
	"net"
)

// serve is the Go server of ../echo.rs: a goroutine for each connection, until
// the process is killed.
func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(listener.Addr())
	for {
		stream, err := listener.Accept()
		if err != nil {
			fail(err.Error())
		}
		go echo(stream)
	}
}

func echo(stream net.Conn) {
	defer stream.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := stream.Read(buffer)
		if err != nil {
			return
		}
		if _, err := stream.Write(buffer[:n]); err != nil {
			return
		}
	}
}
