package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"
)

// A delivery is sent within a second of its event; the rest is for a slow machine.
const timeout = time.Minute

type delivery struct {
	header http.Header
	body   []byte
}

// receiver is a local endpoint for webhooks. It accepts every delivery with 204 and keeps it.
type receiver struct {
	*httptest.Server
	deliveries chan delivery
}

func newReceiver() *receiver {
	deliveries := make(chan delivery, 1000)
	handler := func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		check(err)
		deliveries <- delivery{request.Header, body}
		response.WriteHeader(http.StatusNoContent)
	}
	return &receiver{httptest.NewServer(http.HandlerFunc(handler)), deliveries}
}

// verifiedDeliveryAbout waits for a delivery whose body contains text, verifies its signature and returns its id.
func (r *receiver) verifiedDeliveryAbout(text, secret string) string {
	deadline := time.After(timeout)
	for {
		select {
		case received := <-r.deliveries:
			if bytes.Contains(received.body, []byte(text)) {
				check(verify(received, secret))
				return received.header.Get("webhook-id")
			}
		case <-deadline:
			panic("no delivery about " + text)
		}
	}
}

// verify checks a signature as the Standard Webhooks specification says. Its public library for Go is not
// available from a package registry that the tests can rely on.
func verify(received delivery, secret string) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	id, timestamp := received.header.Get("webhook-id"), received.header.Get("webhook-timestamp")
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, received.body)
	signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !slices.Contains(strings.Fields(received.header.Get("webhook-signature")), signature) {
		return fmt.Errorf("no signature matches %s", signature)
	}
	return nil
}
