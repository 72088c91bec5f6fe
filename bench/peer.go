// The twin of peer.ts, used where Go is installed: Node allocates 64 kB for every read, which at large frames
// costs the peer as much as a whole proxy and would blur what is measured.
//
//	go run peer.go ANSWER-FILE
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
)

const (
	sizeBytes     = 4
	correlationAt = 8
	// Size, API key, version and correlation id: all that is read of a request.
	headBytes = 12
	readBytes = 256 * 1024
)

// Answers each request in a chunk of bytes, with one write for all of them.
func serve(connection net.Conn, answer []byte) {
	defer connection.Close()
	buffer := make([]byte, readBytes)
	var head [headBytes]byte
	headFilled, remaining := 0, 0
	var out []byte
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		chunk := buffer[:count]
		out = out[:0]
		for len(chunk) > 0 {
			if headFilled < headBytes {
				taken := copy(head[headFilled:], chunk)
				headFilled += taken
				chunk = chunk[taken:]
				if headFilled < headBytes {
					break
				}
				remaining = int(binary.BigEndian.Uint32(head[:])) + sizeBytes - headBytes
			}
			taken := min(remaining, len(chunk))
			remaining -= taken
			chunk = chunk[taken:]
			if remaining > 0 {
				break
			}
			start := len(out)
			out = append(out, answer...)
			copy(out[start+sizeBytes:], head[correlationAt:headBytes])
			headFilled = 0
		}
		if len(out) > 0 {
			if _, err := connection.Write(out); err != nil {
				return
			}
		}
	}
}

func main() {
	answer, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go serve(connection, answer)
	}
}
