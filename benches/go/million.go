package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// million is the program of ../million.rs: goroutines that wait at once, on
// fresh memory and on memory that the round before has touched.
func million(goroutines int) {
	fmt.Printf("%d goroutines, GOMAXPROCS %d\n", goroutines, runtime.GOMAXPROCS(0))
	before := usedBytes()
	for _, name := range []string{"fresh memory", "warm memory"} {
		start := time.Now()
		wake := spawnWaiting(goroutines, func() {})
		spawned := time.Since(start)
		each := (usedBytes() - before) / goroutines
		start = time.Now()
		wake()
		woken := time.Since(start)
		fmt.Printf("%-13s %6d ns to spawn and wait, %6d ns to wake and end, %6d B each\n",
			name, spawned.Nanoseconds()/int64(goroutines), woken.Nanoseconds()/int64(goroutines), each)
	}
	deep := goroutines / 10
	wake := spawnWaiting(deep, touch)
	each := (usedBytes() - before) / deep
	fmt.Printf("%d once 32 KiB deep: %d B each\n", deep, each)
	wake()
}

// spawnWaiting spawns goroutines and returns once the last has counted itself
// in; the function it returns wakes all and waits for their ends.
func spawnWaiting(goroutines int, prelude func()) func() {
	var started, ended sync.WaitGroup
	started.Add(goroutines)
	ended.Add(goroutines)
	release := make(chan struct{})
	for range goroutines {
		go func() {
			prelude()
			started.Done()
			<-release
			ended.Done()
		}()
	}
	started.Wait()
	return func() {
		close(release)
		ended.Wait()
	}
}

var sink byte

// touch goes down 32 KiB and comes back.
//
//go:noinline
func touch() {
	var room [32 << 10]byte
	for i := range room {
		room[i] = byte(i)
	}
	sink = room[len(room)/2]
}

// usedBytes is what the process has resident, and its page tables; 0 where the
// system does not tell.
func usedBytes() int {
	status, _ := os.ReadFile("/proc/self/status")
	kib := 0
	for _, line := range bytes.Split(status, []byte("\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) == "VmRSS" || string(name) == "VmPTE" {
			number, _ := strconv.Atoi(string(bytes.TrimSpace(bytes.TrimSuffix(value, []byte("kB")))))
			kib += number
		}
	}
	return kib << 10
}
