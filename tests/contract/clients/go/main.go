// The journey through the Go client that OpenAPI Generator generates.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"contract/optin"
)

func main() {
	receiver := newReceiver()
	defer receiver.Close()
	defer nameTheFailedStep()

	client, ctx := connect()

	step("create a webhook")
	subscription := optin.NewCreateWebhook(receiver.URL)
	subscription.SetEvents([]optin.WebhookTopic{optin.WEBHOOKTOPIC_JOB_SUCCEEDED})
	webhook := must(client.WebhooksAPI.CreateWebhook(ctx).CreateWebhook(*subscription).Execute())

	step("create a job with the minimal body")
	calibration := filepath.Join(os.Getenv("OPTIN_CONTRACT_EXAMPLE"), "calibration.tsv")
	body := optin.NewCreateJob(
		*optin.NewModelSource("file://" + filepath.Join(os.Getenv("OPTIN_CONTRACT_EXAMPLE"), "model")),
		*optin.NewCalibration("file://" + calibration),
		*optin.NewTarget("60%"),
	)
	job := must(client.JobsAPI.CreateJob(ctx).CreateJob(*body).Execute())

	step("wait until the job has ended")
	for job.State == optin.JOBSTATE_QUEUED || job.State == optin.JOBSTATE_RUNNING {
		job = must(client.JobsAPI.GetJob(ctx, job.Id).Wait(30).Execute())
	}
	assert(job.State == optin.JOBSTATE_SUCCEEDED, job.State)

	step("read the report")
	report := job.GetReport()
	assert(report.Size.After.Macs < report.Size.Before.Macs, report.Size)
	assert(len(report.Groups) > 0, report.Groups)
	for _, group := range report.Groups {
		assert(0 < group.Kept && group.Kept <= group.Width, group)
	}

	step("list the jobs that succeeded, one a page")
	found := map[string]bool{}
	request := client.JobsAPI.ListJobs(ctx).Limit(1).State([]optin.JobState{optin.JOBSTATE_SUCCEEDED})
	for more := true; more; {
		page := must(request.Execute())
		for _, listed := range page.Data {
			assert(!found[listed.Id], listed.Id)
			found[listed.Id] = true
		}
		more = page.HasMore
		request = request.Cursor(page.GetNextCursor())
	}
	assert(found[job.Id] && len(found) > 1, found)

	step("read the events as a page")
	events := must(client.JobsAPI.ListJobEvents(ctx, job.Id).Execute()).Data
	assert(events[0].Type == optin.JOBEVENTTYPE_QUEUED, events[0])
	assert(events[len(events)-1].Type == optin.JOBEVENTTYPE_SUCCEEDED, events)

	step("create an upload")
	content := must(os.ReadFile(calibration))
	announced := optin.NewCreateUpload("rows.tsv", int64(len(content)), digest(content))
	upload := must(client.UploadsAPI.CreateUpload(ctx).CreateUpload(*announced).Execute())

	step("put its content")
	put := upload.GetPut()
	signed := must(url.Parse(put.Url))
	path, query := strings.Split(signed.Path, "/"), signed.Query()
	file := must(os.Open(calibration))
	sent, err := client.UploadsAPI.PutUpload(ctx, path[len(path)-2], path[len(path)-1]).
		Sha256(query.Get("sha256")).
		Bytes(must(strconv.ParseInt(query.Get("bytes"), 10, 64))).
		Expires(must(strconv.ParseInt(query.Get("expires"), 10, 64))).
		Signature(query.Get("signature")).
		Body(file).
		Execute()
	check(err)
	assert(sent.StatusCode == http.StatusNoContent, sent.Status)

	step("complete the upload")
	must(client.UploadsAPI.CompleteUpload(ctx, upload.Id).Execute())

	step("list the uploads")
	uploaded := false
	for _, listed := range must(client.UploadsAPI.ListUploads(ctx).Execute()).Data {
		uploaded = uploaded || listed.Id == upload.Id
	}
	assert(uploaded, upload.Id)

	step("list the artifacts")
	var weights optin.Artifact
	for _, artifact := range must(client.ArtifactsAPI.ListArtifacts(ctx, job.Id).Execute()).Data {
		if artifact.Name == "model.safetensors" {
			weights = artifact
		}
	}

	step("download an artifact")
	saved := must(client.ArtifactsAPI.GetArtifact(ctx, job.Id, weights.Name).Execute())
	defer os.Remove(saved.Name())
	assert(digest(must(os.ReadFile(saved.Name()))) == weights.Sha256, weights)

	step("download an artifact by its signed URL")
	location := must(client.ArtifactsAPI.GetArtifactUrl(ctx, job.Id, weights.Name).Execute())
	downloaded := must(http.Get(location.Url))
	assert(downloaded.StatusCode == http.StatusOK, downloaded.Status)
	assert(digest(must(io.ReadAll(downloaded.Body))) == weights.Sha256, weights)

	step("name an artifact in a folder")
	_, missing, err := client.ArtifactsAPI.GetArtifactUrl(ctx, job.Id, "folder/file").Execute()
	assert(err != nil && missing.StatusCode == http.StatusNotFound, err)
	assert(strings.Contains(problemOf(err), `no artifact \"folder/file\"`), problemOf(err))

	step("verify a delivery of the webhook")
	id := receiver.verifiedDeliveryAbout(job.Id, webhook.GetSecret())
	listed := false
	for _, delivery := range must(client.WebhooksAPI.ListDeliveries(ctx, webhook.Id).Execute()).Data {
		listed = listed || delivery.Id == id
	}
	assert(listed, id)

	step("delete the webhook")
	must(client.WebhooksAPI.DeleteWebhook(ctx, webhook.Id).Execute())
}

func connect() (*optin.APIClient, context.Context) {
	configuration := optin.NewConfiguration()
	configuration.Servers = optin.ServerConfigurations{{URL: os.Getenv("OPTIN_CONTRACT_URL")}}
	ctx := context.WithValue(context.Background(), optin.ContextAccessToken, os.Getenv("OPTIN_API_KEY"))
	return optin.NewAPIClient(configuration), ctx
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
