// Sends a push to every subscription with webpush-go and net/http, and prints its CPU microseconds a push.
//
//	sender CA_FILE IN_FLIGHT WARM_UP SIZE < subscriptions.jsonl
//
// The first WARM_UP pushes open the connections and are not counted.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
)

// overhead is what RFC 8188 and RFC 8291 add to a text: salt, record size and key (86), delimiter, tag. A
// record of just the text's size and this keeps the library from padding every message to 4 KiB.
const overhead = 86 + 1 + 16

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: sender CA_FILE IN_FLIGHT WARM_UP SIZE < subscriptions.jsonl")
	}
	inFlight, warmUp, size := number(os.Args[2]), number(os.Args[3]), number(os.Args[4])
	text := bytes.Repeat([]byte("x"), size)
	options := newOptions(os.Args[1], inFlight, size)
	subscriptions := read(os.Stdin)

	send(subscriptions[:warmUp], text, options, inFlight)
	began := cpu()
	send(subscriptions[warmUp:], text, options, inFlight)
	spent := cpu() - began
	fmt.Println(float64(spent.Nanoseconds()) / 1e3 / float64(len(subscriptions)-warmUp))
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func newOptions(ca string, inFlight, size int) *webpush.Options {
	pem, err := os.ReadFile(ca)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		log.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		MaxConnsPerHost:     inFlight,
		MaxIdleConnsPerHost: inFlight, // all of them stay open; the default is 2
	}
	return &webpush.Options{
		HTTPClient:      &http.Client{Transport: transport, Timeout: 30 * time.Second},
		RecordSize:      uint32(size + overhead),
		Subscriber:      "ops@example.com",
		TTL:             60,
		VAPIDPublicKey:  public,
		VAPIDPrivateKey: private,
	}
}

func read(input io.Reader) []webpush.Subscription {
	var subscriptions []webpush.Subscription
	for lines := json.NewDecoder(input); ; {
		var subscription webpush.Subscription
		err := lines.Decode(&subscription)
		if err == io.EOF {
			return subscriptions
		}
		if err != nil {
			log.Fatal(err)
		}
		subscriptions = append(subscriptions, subscription)
	}
}

// send posts to all subscriptions, inFlight at once.
func send(subscriptions []webpush.Subscription, text []byte, options *webpush.Options, inFlight int) {
	var next atomic.Int64
	var running sync.WaitGroup
	for n := 0; n < inFlight; n++ {
		running.Add(1)
		go func() {
			defer running.Done()
			for {
				index := int(next.Add(1)) - 1
				if index >= len(subscriptions) {
					return
				}
				push(&subscriptions[index], text, options)
			}
		}()
	}
	running.Wait()
}

func push(subscription *webpush.Subscription, text []byte, options *webpush.Options) {
	response, err := webpush.SendNotification(text, subscription, options)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil { // read to the end, or it cannot be reused
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusCreated {
		log.Fatal(response.Status)
	}
}

// cpu returns the CPU time of this process, user and system.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
