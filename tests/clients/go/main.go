// What an integration does in its first hour, with the generated client.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	astral "story/client"
)

func main() {
	log.SetFlags(0)
	if err := tell(); err != nil {
		log.Fatal(err)
	}
}

func tell() error {
	organization := os.Getenv("ASTRAL_ORGANIZATION")
	configuration := astral.NewConfiguration()
	configuration.Servers = astral.ServerConfigurations{{URL: os.Getenv("ASTRAL_URL")}}
	client := astral.NewAPIClient(configuration)
	ctx := context.Background()

	session, _, err := client.AuthenticationAPI.Login(ctx).
		Login(*astral.NewLogin(os.Getenv("ASTRAL_EMAIL"), os.Getenv("ASTRAL_PASSWORD"))).Execute()
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	coach := context.WithValue(ctx, astral.ContextAccessToken, session.Token)

	newKey := astral.NewApiKeyCreation("Go story")
	newKey.SetScopes([]astral.Scope{astral.SCOPE_MEMBERS_READ})
	key, _, err := client.APIKeysAPI.CreateApiKey(coach, organization).ApiKeyCreation(*newKey).Execute()
	if err != nil {
		return fmt.Errorf("creating a key: %w", err)
	}
	program := context.WithValue(ctx, astral.ContextAccessToken, key.Secret)

	pages, members := 0, map[string]bool{}
	for next := client.MembersAPI.ListMembers(program, organization).Limit(3); ; {
		page, _, err := next.Execute()
		if err != nil {
			return fmt.Errorf("listing members: %w", err)
		}
		pages++
		for _, member := range page.Data {
			members[member.Id] = true
		}
		if !page.NextCursor.IsSet() || page.NextCursor.Get() == nil {
			break
		}
		next = next.Cursor(*page.NextCursor.Get())
	}

	_, _, err = client.MembersAPI.CreateMember(program, organization).
		MemberCreation(*astral.NewMemberCreation("Nobody")).Execute()
	wrongScope, err := codeOf(err, http.StatusForbidden)
	if err != nil {
		return err
	}

	revocation, err := client.APIKeysAPI.RevokeApiKey(coach, organization, key.Id).Reason("The story is over").Execute()
	if err != nil || revocation.StatusCode != http.StatusNoContent {
		return fmt.Errorf("revoking the key: %v, %w", revocation, err)
	}

	_, _, err = client.MembersAPI.ListMembers(program, organization).Execute()
	refusedKey, err := codeOf(err, http.StatusUnauthorized)
	if err != nil {
		return err
	}

	fmt.Printf("story: signed in, created a key, %d pages of %d members, %s, revoked, %s\n",
		pages, len(members), wrongScope, refusedKey)
	return nil
}

// codeOf gives the code of the problem with which a call was refused.
func codeOf(err error, status int32) (string, error) {
	var refused *astral.GenericOpenAPIError
	if !errors.As(err, &refused) {
		return "", fmt.Errorf("expected a refusal, got %v", err)
	}
	problem, typed := refused.Model().(astral.Problem)
	if !typed {
		return "", fmt.Errorf("expected a problem, got %s", refused.Body())
	}
	if problem.Status != status || problem.Detail == "" || problem.RequestId == "" {
		return "", fmt.Errorf("expected status %d with a detail and a request id, got %+v", status, problem)
	}
	return problem.Code, nil
}
