import astral.ApiClient;
import astral.ApiException;
import astral.api.ApiKeysApi;
import astral.api.ApiKeysApi.APICreateApiKeyRequest;
import astral.api.ApiKeysApi.APIRevokeApiKeyRequest;
import astral.api.AuthenticationApi;
import astral.api.AuthenticationApi.APILoginRequest;
import astral.api.MembersApi;
import astral.api.MembersApi.APICreateMemberRequest;
import astral.api.MembersApi.APIListMembersRequest;
import astral.model.CreatedApiKey;
import astral.model.Login;
import astral.model.Member;
import astral.model.MemberPage;
import astral.model.NewApiKey;
import astral.model.NewMember;
import astral.model.Problem;
import astral.model.Scope;
import astral.model.Session;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What an integration does in its first hour, with the generated client. */
public final class Story {
  private static final String ORGANIZATION = System.getenv("ASTRAL_ORGANIZATION");

  private Story() {}

  public static void main(String[] arguments) throws ApiException, JsonProcessingException {
    Login login = new Login().email(System.getenv("ASTRAL_EMAIL")).password(System.getenv("ASTRAL_PASSWORD"));
    Session session = new AuthenticationApi(client()).login(APILoginRequest.newBuilder().login(login).build());
    ApiKeysApi coach = new ApiKeysApi(clientWith(session.getToken()));

    NewApiKey newKey = new NewApiKey().name("Java story").scopes(List.of(Scope.MEMBERS_READ));
    CreatedApiKey key =
        coach.createApiKey(APICreateApiKeyRequest.newBuilder().orgId(ORGANIZATION).newApiKey(newKey).build());
    MembersApi program = new MembersApi(clientWith(key.getSecret()));

    int pages = 0;
    Set<String> members = new HashSet<>();
    APIListMembersRequest.Builder next = APIListMembersRequest.newBuilder().orgId(ORGANIZATION).limit(3);
    MemberPage page;
    do {
      page = program.listMembers(next.build());
      pages++;
      page.getData().stream().map(Member::getId).forEach(members::add);
      next.cursor(page.getNextCursor());
    } while (page.getNextCursor() != null);

    APICreateMemberRequest addition =
        APICreateMemberRequest.newBuilder()
            .orgId(ORGANIZATION)
            .newMember(new NewMember().displayName("Nobody"))
            .build();
    String wrongScope = codeOf(403, () -> program.createMember(addition));

    coach.revokeApiKey(
        APIRevokeApiKeyRequest.newBuilder()
            .orgId(ORGANIZATION)
            .keyId(key.getId())
            .reason("The story is over")
            .build());

    APIListMembersRequest all = APIListMembersRequest.newBuilder().orgId(ORGANIZATION).build();
    String refusedKey = codeOf(401, () -> program.listMembers(all));

    System.out.printf(
        "story: signed in, created a key, %d pages of %d members, %s, revoked, %s%n",
        pages, members.size(), wrongScope, refusedKey);
  }

  private static ApiClient client() {
    ApiClient client = new ApiClient();
    client.updateBaseUri(System.getenv("ASTRAL_URL"));
    return client;
  }

  private static ApiClient clientWith(String credential) {
    return client().setRequestInterceptor(request -> request.header("Authorization", "Bearer " + credential));
  }

  private interface Call {
    void send() throws ApiException;
  }

  /** The code of the problem with which a call is refused. The exception holds it as text. */
  private static String codeOf(int status, Call call) throws JsonProcessingException {
    try {
      call.send();
    } catch (ApiException refused) {
      Problem problem = ApiClient.createDefaultObjectMapper().readValue(refused.getResponseBody(), Problem.class);
      if (refused.getCode() != status
          || problem.getStatus() != status
          || problem.getDetail().isEmpty()
          || problem.getRequestId().isEmpty()) {
        throw new AssertionError("expected status " + status + " with a detail and a request id", refused);
      }
      return problem.getCode();
    }
    throw new AssertionError("the call went through");
  }
}
